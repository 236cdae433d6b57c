"""`stepwell completion`: the completion script of a shell."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash: eval "$(stepwell completion bash)"         in ~/.bashrc
    zsh:  eval "$(stepwell completion zsh)"          in ~/.zshrc
    fish: stepwell completion fish > ~/.config/fish/completions/stepwell.fish
    """
    from click.shell_completion import get_completion_class

    from stepwell.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "stepwell", "_STEPWELL_COMPLETE").source())

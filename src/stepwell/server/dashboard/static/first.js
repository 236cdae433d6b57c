// Runs before the first paint: the chosen theme and the width of the sidebar, so that nothing flashes or jumps.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("stepwell.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("stepwell.sidebar") === "narrow") root.dataset.sidebar = "narrow";
  } catch {
    // A browser that keeps nothing shows the system's theme.
  }
})();

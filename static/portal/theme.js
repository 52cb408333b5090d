// Applies the colour theme before the first paint. Loaded without defer in <head>; everything else is in portal.js.
// The choice is "light" or "dark"; without one the page follows the system.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be closed (private mode, policy): then the page follows the system.
}

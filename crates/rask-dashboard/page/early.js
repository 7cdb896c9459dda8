// What must happen before anything is drawn or loaded: the token leaves the address bar (the server has answered with a
// cookie, and an address is copied, bookmarked and sent along as a referrer), and the chosen colours are set.
"use strict";
(() => {
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(history.state, "", address);
  }
  try {
    const theme = localStorage.getItem("rask-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then the page follows the system.
  }
})();

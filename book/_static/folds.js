// The theme makes what scrolls reachable by keyboard when the window changes its size. What was folded away is measured then, too.
document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
document.addEventListener("click", (event) => {
  if (event.target.closest(".toggle-button")) window.dispatchEvent(new Event("resize"));
});

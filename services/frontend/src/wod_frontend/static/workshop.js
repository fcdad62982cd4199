"use strict";
(() => {
  const poster = document.querySelector("[data-player]");
  if (poster && poster.dataset.player) {
    poster.querySelector("a").addEventListener("click", (event) => {
      event.preventDefault();
      const frame = document.createElement("iframe");
      frame.src = poster.dataset.player;
      frame.title = poster.dataset.title;
      frame.allow = "autoplay; fullscreen; encrypted-media";
      frame.allowFullscreen = true;
      // players refuse to run without knowing where; the path stays here
      frame.referrerPolicy = "strict-origin";
      poster.replaceChildren(frame);
      frame.focus();
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      document.getElementById("said").textContent = button.textContent = button.dataset.copied;
    });
  }
})();

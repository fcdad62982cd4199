"use strict";
// The overview catches up by itself: a part is exchanged where its content has changed, and only then, so nothing flickers
// and what is open or focused stays.
(() => {
  const room = document.querySelector("[data-live]");
  if (!room) return;
  const EVERY_MS = Number(room.dataset.every || 10000);
  let waiting = false;

  function swap(fresh) {
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const shown = room.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!shown || shown.contains(document.activeElement)) continue;
      const open = [...shown.querySelectorAll("details")].map((one) => one.open);
      part.querySelectorAll("details").forEach((one, number) => { if (open[number]) one.open = true; });
      if (shown.innerHTML !== part.innerHTML) shown.replaceWith(part);
    }
  }

  async function look() {
    if (waiting || document.visibilityState !== "visible") return;
    waiting = true;
    try {
      const answer = await fetch(room.dataset.live, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      room.toggleAttribute("data-stale", !answer.ok);
    } catch {
      room.toggleAttribute("data-stale", true);
    }
    waiting = false;
  }

  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
})();

"use strict";
(() => {
  const root = document.querySelector("[data-session]");
  const address = root.dataset.session;
  const announcement = document.getElementById("announcement");
  const offline = document.getElementById("offline");
  const RETRY_MS = 5000;
  let lastId = root.dataset.after;
  let source = null;
  let over = root.hasAttribute("data-over");
  let fetching = false;
  let again = false;
  let deadline = 0;

  // British English is what the pages speak: 16:29 and not 04:29 PM
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const two = (number) => String(number).padStart(2, "0");

  function tick() {
    const shown = root.querySelector(".clock[data-seconds]");
    if (!shown) return;
    const left = Math.max(0, Math.floor((deadline - Date.now()) / 1000));
    shown.textContent = `${Math.floor(left / 3600)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
  }

  function startClock() {
    const shown = root.querySelector(".clock[data-seconds]");
    if (shown) deadline = Date.now() + Number(shown.dataset.seconds) * 1000;
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
    }
  }

  // An unchanged key keeps the part: an open confirmation or a focused button must survive a progress report.
  function swap(fresh) {
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const shown = root.querySelector(`[data-part="${part.dataset.part}"]`);
      if (shown.dataset.key === part.dataset.key) continue;
      const hadFocus = shown.contains(document.activeElement);
      shown.replaceWith(part);
      if (part.dataset.announce) announcement.textContent = part.dataset.announce;
      if (hadFocus) focusOn(part);
    }
    document.getElementById("parts").className = fresh.className;
    startClock();
  }

  function focusOn(part) {
    const target = part.querySelector("a[href], button, summary") || document.getElementById("main");
    target.focus({ preventScroll: true });
  }

  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    do {
      again = false;
      try {
        const response = await fetch(`${address}/fragment`, { credentials: "same-origin" });
        if (!response.ok) throw new Error(String(response.status));
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("parts");
        swap(fresh);
        over = fresh.hasAttribute("data-over");
        offline.hidden = true;
      } catch {
        offline.hidden = false;
        break;
      }
    } while (again);
    fetching = false;
    if (over && source) source.close();
  }

  function attach() {
    if (over) return;
    if (source) source.close();
    source = new EventSource(`${address}/stream?after=${lastId}`);
    source.onopen = () => {
      if (!offline.hidden) refresh();
    };
    source.onmessage = (event) => {
      lastId = event.lastEventId;
      refresh();
    };
    source.onerror = () => {
      // The browser tries again by itself unless it was refused.
      if (source.readyState === EventSource.CLOSED && !over) {
        setTimeout(() => {
          refresh();
          attach();
        }, RETRY_MS);
      }
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || over) return;
    refresh();
    attach();
  });

  startClock();
  setInterval(tick, 1000);
  attach();
})();

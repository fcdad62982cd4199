"use strict";
(() => {
  const form = document.getElementById("search");
  let asked = 0;
  let timer = 0;

  async function search() {
    const mine = ++asked;
    const wanted = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...wanted]) if (!value || (name === "minutes" && value === "0")) wanted.delete(name);
    const address = wanted.size ? `/workshops?${wanted}` : "/workshops";
    try {
      const response = await fetch(address, { credentials: "same-origin" });
      if (!response.ok || mine !== asked) return;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      document.getElementById("results").replaceWith(fresh.getElementById("results"));
      document.querySelector(".tabs").replaceWith(fresh.querySelector(".tabs"));
      history.replaceState(null, "", address);
    } catch {
      // the button still works, and says what is wrong
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 180);
  });
})();

// Takes the list from the server again when a mail has come or gone.
const list = document.getElementById("mails");

async function refresh() {
  if (document.hidden) return;
  const mails = await (await fetch("/messages")).json();
  const newest = mails.length ? mails[0].id : "";
  if (newest === list.dataset.newest && String(mails.length) === list.dataset.count) return;
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const fresh = page.getElementById("mails");
  list.replaceChildren(...fresh.childNodes);
  list.dataset.newest = fresh.dataset.newest;
  list.dataset.count = fresh.dataset.count;
}

// a demo that is being restarted answers again in a moment
if (list) setInterval(() => refresh().catch(() => {}), 1000);

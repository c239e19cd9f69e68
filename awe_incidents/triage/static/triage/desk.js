// Follows a run: asks every two seconds, with the tag of what is shown, until the server says that it is finished.
// A page that was opened at cited lines scrolls to them.
"use strict";

(() => {
  const PERIOD = 2000;
  const LONGEST_WAIT = 30000;

  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  const say = (place, words) => {
    place.dataset.liveNote = words;
  };

  async function ask(place) {
    const answer = await fetch(place.dataset.liveUrl, {
      cache: "no-store",
      credentials: "same-origin",
      redirect: "manual",
      headers: { "If-None-Match": place.dataset.liveTag },
    });
    if (answer.status === 200) {
      const opened = [...place.querySelectorAll("details[open][id]")].map((one) => one.id);
      place.innerHTML = await answer.text(); // rendered and escaped by the server
      opened.forEach((id) => place.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", ""));
      place.dataset.liveTag = answer.headers.get("ETag");
    } else if (answer.status !== 304) {
      throw Object.assign(new Error(`status ${answer.status}`), { isFinal: answer.status < 500 });
    }
    place.dataset.liveState = answer.headers.get("X-Live");
  }

  async function follow(place) {
    let period = PERIOD;
    while (place.dataset.liveState === "going") {
      await wait(period);
      if (document.hidden) continue;
      try {
        await ask(place);
        period = PERIOD;
        say(place, "");
      } catch (error) {
        if (error.isFinal) {
          say(place, "No longer up to date: sign in again and reload this page.");
          return;
        }
        period = Math.min(period * 2, LONGEST_WAIT);
        say(place, "The service does not answer; trying again.");
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-live-url]").forEach(follow);
    document.querySelector(".desk-line[id].desk-cited")?.scrollIntoView({ block: "center" });
  });
})();

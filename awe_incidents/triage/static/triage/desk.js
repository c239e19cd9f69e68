// Follows what moves (a run, an execution): asks every two seconds, with the tag of what is shown, until the server says that it is finished.
// A page that was opened at cited lines scrolls to them.
"use strict";

(() => {
  const PERIOD = 2000;
  const LONGEST_WAIT = 30000;

  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  const say = (place, words) => {
    place.dataset.liveNote = words;
  };

  const found = (place, id) => place.querySelector(`#${CSS.escape(id)}`);
  const isAtEnd = (one) => one.scrollTop + one.clientHeight >= one.scrollHeight - 8;

  // What a person has done to a part: opened details, where the keyboard is, how far output was scrolled up.
  function remembered(place) {
    const opened = [...place.querySelectorAll("details[open][id]")].map((one) => one.id);
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...place.querySelectorAll("[data-follow][id]")].map((one) => [one.id, isAtEnd(one), one.scrollTop]);
    return () => {
      opened.forEach((id) => found(place, id)?.setAttribute("open", ""));
      if (focused) found(place, focused)?.focus({ preventScroll: true });
      followOutput(place);
      scrolled.filter(([, wasAtEnd]) => !wasAtEnd).forEach(([id, , top]) => found(place, id)?.scrollTo(0, top));
    };
  }

  const followOutput = (place) => {
    place.querySelectorAll("[data-follow]").forEach((one) => one.scrollTo(0, one.scrollHeight));
  };

  async function ask(place) {
    const answer = await fetch(place.dataset.liveUrl, {
      cache: "no-store",
      credentials: "same-origin",
      redirect: "manual",
      headers: { "If-None-Match": place.dataset.liveTag },
    });
    if (answer.status === 200) {
      const text = await answer.text();
      const restore = remembered(place);
      place.innerHTML = text; // rendered and escaped by the server
      restore();
      place.dataset.liveTag = answer.headers.get("ETag");
    } else if (answer.status !== 304) {
      throw Object.assign(new Error(`status ${answer.status}`), { isFinal: answer.status < 500 });
    }
    place.dataset.liveState = answer.headers.get("X-Live");
  }

  // The theme would write the name of a chosen file into the first text field of the form, which asks for something else.
  const keepFileNameOut = (input) => {
    input.hasChangeListener = true;
  };

  // A second click on the way to the answer would ask for the same thing twice.
  function sendOnce(form) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
    window.addEventListener("pageshow", () => delete form.dataset.sent);
  }

  // What is shown once does not come back with the back button, even where a browser keeps whole pages.
  function forgetShown() {
    document.querySelectorAll("[data-shown-once]").forEach((one) => one.replaceChildren("It was shown, and cannot be shown again."));
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
    followOutput(document);
    document.querySelectorAll("[data-live-url]").forEach(follow);
    document.querySelectorAll("form[data-once]").forEach(sendOnce);
    document.querySelectorAll("input[type=file]").forEach(keepFileNameOut); // before the theme looks, on load
    window.addEventListener("pagehide", forgetShown);
    document.querySelector(".desk-line[id].desk-cited")?.scrollIntoView({ block: "center" });
  });
})();

// What every scenario needs: options, a watchdog, and a queue of events to wait on.
"use strict";

// Longer than any scenario needs on a loaded machine, shorter than the harness waits.
const WATCHDOG_MS = 40000;

// Runs an async function of the command line's options (--name value …) and ends the process:
// with 0 when it returns, with 1 when it throws or when it takes too long.
function run(scenario) {
  const options = {};
  for (let i = 2; i + 1 < process.argv.length; i += 2) {
    options[process.argv[i].replace(/^--/, "").replaceAll("-", "_")] = process.argv[i + 1];
  }
  const fail = (error) => {
    console.error(error);
    process.exit(1);
  };
  process.on("unhandledRejection", fail);
  setTimeout(() => fail(new Error(`not done after ${WATCHDOG_MS} ms`)), WATCHDOG_MS);
  scenario(options).then(() => process.exit(0), fail);
}

// An unbounded queue whose end can be awaited.
class Inbox {
  #items = [];
  #waiting = [];

  put = (item) => {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#items.push(item);
  };

  get = () =>
    this.#items.length
      ? Promise.resolve(this.#items.shift())
      : new Promise((resolve) => this.#waiting.push(resolve));
}

module.exports = { Inbox, run };

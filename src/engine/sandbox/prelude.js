// What stands around a handler: it takes away what would make two runs differ or a run endless, gives the handler its
// webhook, and writes its answer down. It is done before any code of others, and keeps what it needs to itself.
(function (time, seed) {
  "use strict";
  const { parse, stringify } = JSON;
  const { apply, construct, defineProperty } = Reflect;

  // The time is the message's, and the time zone UTC.
  const Moment = Date;
  const moments = Moment.prototype;
  const { UTC, parse: read } = Moment;
  const zoned = /(?:Z|GMT|UTC|[+-]\d\d:?\d\d)\s*(?:\(.*\))?$/i;
  const dated = /^[+-]?\d{4,6}(?:-\d\d){0,2}$/;
  function moment(given) {
    if (given.length === 0) return [time];
    if (given.length > 1) return [apply(UTC, Moment, given)];
    return typeof given[0] === "string" ? [readInUtc(given[0])] : given;
  }
  function readInUtc(text) {
    return read(zoned.test(text) || dated.test(text) ? text : text + (/\d[T ]\d\d:\d\d[\d:.]*$/.test(text) ? "Z" : " UTC"));
  }
  function Fixed(...given) {
    const made = construct(Moment, moment(given), new.target || Moment);
    return new.target ? made : made.toString();
  }
  defineProperty(Fixed, "name", { value: "Date" });
  defineProperty(Fixed, "prototype", { value: moments, writable: false });
  Fixed.now = () => time;
  Fixed.UTC = UTC;
  Fixed.parse = (text) => readInUtc(String(text));
  defineProperty(moments, "constructor", { value: Fixed, writable: true, configurable: true });
  for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
    for (const way of ["get", "set"]) {
      const inUtc = moments[way + "UTC" + part];
      if (inUtc) moments[way + part] = inUtc;
    }
  }
  moments.getTimezoneOffset = () => 0;
  for (const name of ["toString", "toLocaleString"]) moments[name] = moments.toUTCString;
  moments.toDateString = moments.toLocaleDateString = function () { return this.toISOString().slice(0, 10); };
  moments.toTimeString = moments.toLocaleTimeString = function () { return this.toISOString().slice(11, 19) + " UTC"; };
  globalThis.Date = Fixed;

  // Chance is the message's too (sfc32).
  let [a, b, c, counter] = seed;
  Math.random = () => {
    const sum = (((a + b) | 0) + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };

  for (const name of ["Atomics", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry", "performance", "queueMicrotask"]) {
    delete globalThis[name];
  }

  return function run(handler, given) {
    if (typeof handler !== "function") throw new TypeError("there is no function `handler` in the code");
    const answer = handler(parse(given));
    if (answer === null || typeof answer !== "object") {
      throw new TypeError("`handler` must return the webhook, and returned " + (answer === null ? "null" : typeof answer));
    }
    if (typeof answer.then === "function") throw new TypeError("`handler` must not be async");
    const { method, url, headers, cancel, payload } = answer;
    const head = stringify({ method, url, headers, cancel });
    if (cancel === true) return head + "\n";
    const body = stringify(payload);
    if (body === undefined) throw new TypeError("`payload` must be an object or a list");
    return head + "\n" + (body === stringify(parse(given).payload) ? "" : body);
  };
})

// Strings that want to become more than text. Each has a name of its own that must be readable where it is shown.

/** The attribute that hostile markup carries, by which `harmless` finds it in a page. */
export const MARK = "data-hostile";

/** What a template that was filled in twice would show. */
export const EVALUATED = "hostile-evaluated-1337";

const SUM = "'hostile-evaluated-'+7*191";

const run = (name) => `window.hostile='${name}';alert('${name}')`;

/** By name, what to put into payloads, headers, names, addresses and answers. */
const texts = {
  script: (name) => `${name}<script ${MARK}>${run(name)}</script>`,
  module: (name) => `${name}<script ${MARK} type=module>${run(name)}</script>`,
  image: (name) => `${name}<img ${MARK} src=x onerror="${run(name)}">`,
  drawing: (name) => `${name}<svg ${MARK} onload="${run(name)}"><animate ${MARK} onbegin="${run(name)}"/></svg>`,
  frame: (name) => `${name}<iframe ${MARK} srcdoc="<script>parent.hostile='${name}'</script>"></iframe>`,
  style: (name) => `${name}<style ${MARK}>*{display:none!important}</style>`,
  base: (name) => `${name}<base ${MARK} href="https://hostile.invalid/">`,
  refresh: (name) => `${name}<meta ${MARK} http-equiv=refresh content="0;url=/hostile">`,
  form: (name) => `${name}<form ${MARK} action="https://hostile.invalid/"><button ${MARK} formaction="javascript:1">`,
  "end-of-textarea": (name) => `${name}</textarea><img ${MARK} src=x onerror="${run(name)}">`,
  "end-of-title": (name) => `${name}</title><img ${MARK} src=x onerror="${run(name)}">`,
  "end-of-script": (name) => `${name}</script><img ${MARK} src=x onerror="${run(name)}">`,
  "end-of-style": (name) => `${name}</style><img ${MARK} src=x onerror="${run(name)}">`,
  "end-of-comment": (name) => `${name}--><img ${MARK} src=x onerror="${run(name)}"><!--`,
  "end-of-cdata": (name) => `${name}]]><img ${MARK} src=x onerror="${run(name)}">`,
  "end-of-double-quotes": (name) => `${name}" ${MARK} autofocus onfocus="${run(name)}" x="`,
  "end-of-single-quotes": (name) => `${name}' ${MARK} autofocus onfocus='${run(name)}' x='`,
  "script-link": (name) => `javascript:${run(name)}`,
  "data-link": (name) => `data:text/html,<script ${MARK}>${run(name)}</script>${name}`,
  "disguised-link": (name) => `\u0001 jAvA\tsCrIpT:${run(name)}`,
  entities: (name) => `${name}&lt;img ${MARK} src=x onerror=${run(name)}&gt;&#x3c;b ${MARK}&#x3e;`,
  braces: (name) => ["{{#}}", "${#}", "<%=#%>", "@{#}"].map((braces) => name + braces.replace("#", SUM)).join(" "),
  "bidi-override": (name) => `${name}\u202egnp.exe\u202d`,
  "bidi-isolate": (name) => `${name}\u2067unclosed`,
  "zero-width": (name) => `${name}\u200b\u200c\u200d\u2060\ufeff`,
  ansi: (name) => `${name}\u001b[2J\u001b[31mred\u001b]0;title\u0007\u009b1m`,
  control: (name) => `${name}\u0000\u0008\u000b\u000c\u007f\u0085\u2028\u2029\ufffe%00\\0`,
  lines: (name) => `${name}\r\nset-cookie: hostile=1\r\n\r\n<img ${MARK} src=x>`,
  "right-to-left": (name) => `${name} שלום مرحبا`,
  emoji: (name) => `${name} 👩🏽‍🚀🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪`,
  combining: (name) => `${name} Z${"\u0351\u036b\u0343".repeat(30)}algo`,
  shell: (name) => `${name}'; touch /tmp/hostile; echo $(id) \`id\` "`,
  giant: (name) => `${name}${"x".repeat(65_536)}`,
};

/** All of it: `name` is the readable part of `text`. */
export const hostile = Object.entries(texts).map(([kind, text]) => {
  const name = `hostile-${kind}`;
  return { name, text: text(name) };
});

/** What fits where little is allowed, such as names. */
export const briefHostile = hostile.filter(({ text }) => text.length <= 250);

/** The beginning of a text, as UTF-8 can say it: half a character at its end is replaced. */
export const beginning = (text) => Buffer.from(text.slice(0, 200)).toString();

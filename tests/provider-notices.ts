/** What oidc-provider prints when it is loaded and asked: that it is set up for trying out, and on a Node that it does not list. It is. */
const NOTICE = /oidc-provider (?:NOTICE|WARNING): /;

for (const level of ['info', 'warn'] as const) {
  const print = console[level].bind(console);
  console[level] = (...said: unknown[]) => {
    if (!NOTICE.test(String(said[0]))) print(...said);
  };
}

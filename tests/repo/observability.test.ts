import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { declaredNames, definedMetrics } from './metric-definitions.ts';
import { metricsIn } from './promql.ts';
import { read, ROOT } from './tracked-files.ts';

const FOLDER = 'infra/observability';
const RULES = `${FOLDER}/alerts.yml`;
const RULE_TESTS = `${FOLDER}/alerts.test.yml`;
const DASHBOARD = `${FOLDER}/dashboard.json`;
/** Not ours: of Prometheus itself, and what prom-client says of every Node process. */
const FOREIGN = /^(up|ALERTS|process_\w+|nodejs_\w+)$/;

const defined = definedMetrics();
const alerts = [...read(RULES).matchAll(/^\s+- alert: (\w+)$/gm)].map(([, name = '']) => name);
const recorded = [...read(RULES).matchAll(/^\s+- record: (\S+)$/gm)].map(([, name = '']) => name);

interface Panel {
  title: string;
  type: string;
  targets?: { expr: string }[];
}
const { panels } = JSON.parse(read(DASHBOARD)) as { panels: Panel[] };

test('every declaration of a metric is read, each name is declared once, and its labels are bounded sets', () => {
  expect(defined.length, 'no declaration was read: mend this test').toBeGreaterThan(30);
  const names = defined.map(({ name }) => name);
  expect(new Set(names).size, 'declare a metric once and import it').toBe(names.length);
  expect(
    declaredNames().filter((name) => !names.includes(name)),
    'declare a metric as { name, help, labels } in a metrics.ts, so that it can be documented',
  ).toEqual([]);
  const unbounded = defined.filter(({ labels }) =>
    labels.some((label) => /user|phone|address|trace|challenge|^id$/i.test(label)),
  );
  expect(unbounded, 'a label is a bounded set: never a user or anything that callers make up').toEqual([]);
});

test('docs/operations/metrics.md lists the metrics that the sources declare, with type and labels', () => {
  const rows = [...read('docs/operations/metrics.md').matchAll(/^\| `(countersign_\w+)` \| (\w+) \| ([^|]*) \|/gm)].map(
    ([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
    }),
  );
  expect(rows.length, 'no row was read: mend this test').toBeGreaterThan(30);
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
  expect(rows.toSorted(byName), 'change the table of docs/operations/metrics.md together with the declaration').toEqual(
    defined.map(({ name, type, labels }) => ({ name, type, labels })).toSorted(byName),
  );
});

test('names are read out of PromQL', () => {
  const expression =
    'sum by (job) (rate(a_total{x="b_total",y=~"z"}[5m])) / on (job) group_left c:d:rate5m > bool 1e3 or vector(0) and e';
  expect(metricsIn(expression)).toEqual(['a_total', 'c:d:rate5m', 'e']);
});

test('alerts, recording rules and the dashboard read only metrics that exist', () => {
  const series = new Set([
    ...recorded,
    ...defined.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  ]);
  const inRules = expressionsOf(read(RULES)).map((expr) => ({ where: RULES, expr }));
  const inDashboard = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr })));
  expect(inRules, 'an expression was not read: mend this test').toHaveLength(alerts.length + recorded.length);
  expect(inDashboard.length, 'no panel was read: mend this test').toBeGreaterThan(20);
  let looked = 0;
  const unknown = [...inRules, ...inDashboard].flatMap(({ where, expr }) =>
    metricsIn(expr).flatMap((name) => {
      looked += 1;
      return series.has(name) || FOREIGN.test(name) ? [] : [`${where}: ${name}`];
    }),
  );
  expect(looked).toBeGreaterThan(60);
  expect(unknown, 'nothing measures this: mend the expression, or declare the metric').toEqual([]);
});

test('docs/operations/slo.md names every alert on a promise, and no alert that does not exist', () => {
  const named = [...read('docs/operations/slo.md').matchAll(/`(Countersign\w+)`/g)].map(([, name = '']) => name);
  const promised = alerts.filter((name) => /Logins?(?!Guessed)|AuditBehind/.test(name));
  expect(promised.length).toBeGreaterThan(5);
  expect([...new Set(named)].toSorted()).toEqual(promised.toSorted());
});

test('every alert is shown firing, and shown silent', () => {
  expect(alerts.length, 'no alert was read: mend this test').toBeGreaterThan(20);
  const shown = [
    ...read(RULE_TESTS).matchAll(/expr: ALERTS\{alertname="(\w+)",alertstate="firing"\}\n.*\n\s+exp_samples:(.*)/g),
  ];
  const firing = new Set(shown.filter(([, , none]) => none?.trim() !== '[]').map(([, name]) => name));
  const silent = new Set(shown.filter(([, , none]) => none?.trim() === '[]').map(([, name]) => name));
  const untested = alerts.filter((name) => !firing.has(name) || !silent.has(name));
  expect(untested, `add both to ${RULE_TESTS}`).toEqual([]);
});

test.each([
  ['check', 'rules', 'alerts.yml'],
  ['check', 'config', '--syntax-only', 'prometheus.yml'],
  ['test', 'rules', 'alerts.test.yml'],
])('promtool %s %s %s', (...words) => {
  const { status, stdout, stderr, error } = spawnSync('promtool', words, { cwd: join(ROOT, FOLDER), encoding: 'utf8' });
  if (error !== undefined) expect.fail('promtool does not run: install it (Debian: apt-get install prometheus).');
  expect(status, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toContain('SUCCESS');
});

/** What stands behind `expr:`, on the line or in the block below it. */
function expressionsOf(yaml: string): string[] {
  return [...yaml.matchAll(/^( +)expr: (?:\|\n((?:\1 {2}.*\n)+)|(.+)\n)/gm)].map(
    ([, , block, line]) => block ?? line ?? '',
  );
}

// Dependencies point one way: services → packages → contracts. Checked by `npm run boundaries`, which also fails when
// this tool looked at fewer files than there are.

/** Files that prove things may reach what they prove. */
const PROOFS =
  '(\\.test\\.ts$|\\.fixture\\.ts$|/testing/|/simulation/|^tests/|^packages/testkit/|^infra/dev/|^infra/ha/)';

// The visitor of @swc/core, which dependency-cruiser extends, does not know `using` yet and throws on it.
const { prototype } = require('@swc/core/Visitor.js').Visitor;
const visitStatement = prototype.visitStatement;
prototype.visitStatement = function visitStatementOrUsing(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  this.visitVariableDeclarators(statement.decls);
  return statement;
};

module.exports = {
  forbidden: [
    {
      name: 'services-apart',
      comment:
        'Services never import each other. Call an operation over the bus, or move what both need into a package.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/([^/]+)/', pathNot: '^services/$1/' },
    },
    {
      name: 'packages-below-services',
      comment: 'A package never imports a service: turn the dependency round, or pass the function in.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^services/' },
    },
    {
      name: 'contracts-at-the-bottom',
      comment: 'contracts knows the operations and nothing else, so that everybody may import it.',
      severity: 'error',
      from: { path: '^packages/contracts/', pathNot: PROOFS },
      to: { path: '^(packages|services)/', pathNot: '^packages/contracts/' },
    },
    {
      name: 'product-without-testkit',
      comment: 'testkit starts engines for tests and for npm start. The product must run without it.',
      severity: 'error',
      from: { path: '^(services|packages)/', pathNot: PROOFS },
      to: { path: '^(packages/testkit|infra|tests)/|/testing/|/simulation/|\\.fixture\\.ts$' },
    },
    {
      name: 'only-app-server-knows-postgres',
      comment: 'Only app-server holds a database password. Ask it through an operation.',
      severity: 'error',
      from: { path: '^(services|packages|infra)/', pathNot: [PROOFS, '^services/app-server/'] },
      to: { path: 'node_modules/(pg|kysely)/' },
    },
    {
      name: 'only-bus-and-ledgers-know-nats',
      comment:
        'Use call and serve of packages/bus. The streams (ledger, trail, dispatch, idempotency, sessions, nonces, radius) are app-server’s own.',
      severity: 'error',
      from: {
        path: '^(services|packages|infra)/',
        pathNot: [
          PROOFS,
          '^packages/bus/',
          '^services/app-server/src/(ledger|leaders|dispatch|audit|idempotency|streams|cluster|health|system)/',
          '^services/app-server/src/challenge/wake\\.ts$',
          '^services/app-server/src/device/(nonces|wake-phones|changed-keys)\\.ts$',
          '^services/app-server/src/radius/kept\\.ts$',
          '^services/app-server/src/session/(sessions|stream)\\.ts$',
          '^services/app-server/src/(main|context|server|start)\\.ts$',
        ],
      },
      // jwt connects to nothing.
      to: { path: 'node_modules/@nats-io/', pathNot: 'node_modules/@nats-io/jwt/' },
    },
    {
      name: 'only-otp-knows-otplib',
      comment:
        'otplib throws on codes of the wrong shape and trusts its own clock; packages/otp is the one place that knows.',
      severity: 'error',
      from: { path: '^(services|packages|infra|tests)/', pathNot: '^packages/otp/' },
      to: { path: 'node_modules/otplib/' },
    },
    {
      name: 'one-door-per-package',
      comment: 'Import another package by its name, not by a path into its src.',
      severity: 'error',
      from: { path: '^(services|packages|infra|tests)/([^/]+)/' },
      to: {
        path: '^packages/([^/]+)/src/',
        pathNot: ['^packages/$2/', '/src/index\\.ts$'],
        dependencyTypes: ['local'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'This import leads nowhere: declare it in package.json, or mend the path.',
      severity: 'error',
      from: {},
      // It names a door to sources that it does not ship.
      to: { couldNotResolve: true, pathNot: '^react-aria-components$' },
    },
    {
      name: 'declared',
      comment: 'Declare the dependency in the package.json of the package that imports it.',
      severity: 'error',
      from: { path: '^(services|packages|infra|tests)/', pathNot: PROOFS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    parser: 'swc',
    combinedDependencies: false,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};

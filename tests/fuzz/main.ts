/**
 * `npm run fuzz`: gives the RADIUS codec packets that are changed in ways that attackers and faulty devices know. `-- --seconds 600` for
 * longer, `-- --seed N` for those of an earlier run. Ends with 1 and the packet when something does not hold.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzWatched } from './watch.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new RangeError('--seconds is above 0, --seed is a whole number');

console.log(`seed ${seed}, ${seconds} s`);
const { inputs, finding } = await fuzzWatched({ seed, milliseconds: seconds * 1000 });
console.log(`${inputs} inputs`);
if (finding !== undefined) {
  console.error(`does not hold: ${finding.what}\ninput: ${finding.input}`);
  process.exitCode = 1;
}

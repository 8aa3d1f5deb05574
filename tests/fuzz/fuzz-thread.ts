import { parentPort, workerData } from 'node:worker_threads';
import * as radius from '@countersign/radius';
import { fuzz } from './fuzz.ts';
import { showInput, type Watched } from './watch.ts';

const { seed, milliseconds, shown } = workerData as Watched;
parentPort?.postMessage(fuzz(radius, { seed, milliseconds, onInput: (input) => showInput(shown, input) }), []);

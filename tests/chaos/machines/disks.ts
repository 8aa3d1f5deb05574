import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

/** A disk for each server that keeps data, so that one can be filled without the others. */
export interface Disks {
  /** Leaves not a byte. May be repeated. @returns how many bytes are left, which the file system keeps for itself. */
  fill(server: string): number;
  free(server: string): void;
  remove(): void;
}

/** Files that pretend to be larger than they are. */
const DISK_BYTES = 2 * 1024 ** 3;
/** Written byte by byte, because the file system needs some for its own administration. */
const LAST_BYTES = 8 * 1024 ** 2;
const FILLER = 'filler';

/** Disks at `dir/<server>`, empty. What an earlier run left there goes. */
export function makeDisks(dir: string, servers: readonly string[]): Disks {
  const images = join(dir, 'disks');
  unmount(dir);
  rmSync(images, { recursive: true, force: true });
  mkdirSync(images, { recursive: true });
  for (const server of servers) {
    const image = join(images, `${server}.img`);
    const place = join(dir, server);
    writeFileSync(image, '');
    truncateSync(image, DISK_BYTES);
    command('/usr/sbin/mkfs.ext4', ['-q', '-m', '0', image]);
    mkdirSync(place, { recursive: true });
    command('/usr/bin/mount', ['-o', 'loop', image, place]);
  }
  return {
    fill: (server) => {
      const place = join(dir, server);
      const filler = join(place, FILLER);
      const { bavail, bsize } = statfsSync(place);
      const most = bavail * bsize - LAST_BYTES;
      if (most > 0) command('/usr/bin/fallocate', ['-l', String(most), filler]);
      writeUntilFull(`${filler}.rest`);
      const after = statfsSync(place);
      return after.bavail * after.bsize;
    },
    free: (server) => {
      for (const name of [FILLER, `${FILLER}.rest`]) rmSync(join(dir, server, name), { force: true });
    },
    remove: () => {
      unmount(dir);
      rmSync(images, { recursive: true, force: true });
    },
  };
}

function writeUntilFull(file: string): void {
  const piece = Buffer.alloc(64 * 1024, 1);
  for (const size of [piece.length, 4096, 512, 1]) {
    try {
      for (;;) writeFileSync(file, piece.subarray(0, size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** Everything that is mounted below a folder. */
export function unmount(dir: string): void {
  if (!existsSync(dir)) return;
  const places = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${dir}/`));
  for (const place of places.toReversed()) command('/usr/bin/umount', ['-l', place]);
}

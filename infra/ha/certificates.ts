import { join } from 'node:path';

/** Paths of one holder's certificate and key. */
export interface HolderFiles {
  folder: string;
  certificate: string;
  key: string;
  /** Of a balancer: both in one file, as HAProxy wants them. */
  both: string;
}

export interface Certificates {
  /** Path of the authority's certificate. */
  authority: string;
  of(holder: string): HolderFiles;
}

/** Where the files are that founding or joining wrote for each. */
export function certificatesIn(installation: string): Certificates {
  return {
    authority: join(installation, 'ca.pem'),
    of: (holder) => {
      const folder = join(installation, holder);
      return {
        folder,
        certificate: join(folder, 'tls.pem'),
        key: join(folder, 'tls.key'),
        both: join(folder, 'tls.both.pem'),
      };
    },
  };
}

/**
 * One step of the schema. What runs is data, so that its checksum is the same from source and from a build.
 * Once released a migration is never edited: `migrate.ts` refuses a database that recorded another checksum.
 */
export interface Migration {
  /** 1, 2, 3 … without gaps; also the number in the file's name. */
  number: number;
  name: string;
  /** Run in order in one transaction. */
  statements: readonly string[];
  /**
   * The version that has ceased to use what these statements take away. By the time this one runs, that version or a newer one is
   * finalized, and nothing older can come back. Only such a migration may drop, rename or narrow anything.
   */
  unusedSince?: string;
}

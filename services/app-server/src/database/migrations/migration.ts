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
}

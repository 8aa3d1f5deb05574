import type { Directories } from './directories.ts';
import type { Directory } from './directory.ts';
import type { DirectoryPerson } from './entry.ts';
import type { DirectoryLink } from './status.ts';

export interface FoundPerson {
  directory: Directory;
  person: DirectoryPerson;
}

/**
 * Whoever a name means: of the directory that the user is known to come from, or else of the one directory that knows the name. Known in two,
 * it means nobody.
 * @throws DirectoryProblem when the directory that has to be asked does not answer.
 */
export async function personOfName(
  directories: Pick<Directories, 'all' | 'get'>,
  typed: string,
  link: DirectoryLink | undefined,
): Promise<FoundPerson | undefined> {
  if (link !== undefined) {
    const directory = directories.get(link.directoryId);
    const person = await directory?.get(link.objectId);
    return directory === undefined || person === undefined ? undefined : { directory, person };
  }
  const asked = directories.all().filter((directory) => directory.mayKnow(typed));
  const answers = await Promise.all(
    asked.map(async (directory) => {
      const person = await directory.find(typed);
      return person === undefined ? undefined : { directory, person };
    }),
  );
  const found = answers.filter((answer) => answer !== undefined);
  return found.length === 1 ? found[0] : undefined;
}

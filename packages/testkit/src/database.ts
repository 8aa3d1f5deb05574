import pg from 'pg';

/**
 * Makes an empty database, dropping an old one of that name first: about 40 ms. Each test file takes its own on one shared server.
 * @returns Its address, with the same user and password as the server's.
 */
export async function createDatabase(node: { readonly url: string }, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: node.url });
  await client.connect();
  try {
    const quoted = client.escapeIdentifier(name);
    await client.query(`drop database if exists ${quoted} with (force)`);
    await client.query(`create database ${quoted}`);
  } finally {
    await client.end();
  }
  const url = new URL(node.url);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** Beyond the wait that was asked for: the way to app-server and back, and a second try. */
export const WAIT_MARGIN_MS = 5000;

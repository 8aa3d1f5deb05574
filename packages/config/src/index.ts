export { readOrExit } from './read-or-exit.ts';
export { readEnvironment, SettingsError, unknownSettings } from './read.ts';
export { settingsTable } from './reference.ts';
export { fromFile, secret, settings, type Settings, type SettingsOf } from './settings.ts';

/** The version of this build, as `/healthz` and every commit tell it. */

export const VERSION = '0.1.0';
/** What commits and files are signed with. */
export const ENGINE_INFO = `lakefold/${VERSION}`;

/** A rule of the semantics, the test that pins it and the change of one line that turns this test red. */

/** A change of one source file: `find` must stand there exactly once. */
export interface Change {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Proof {
  /** `P1` … `P20`, `U1` … `U13`, `D1` … `D4`, `T1` … `T7`, `S1` … `S9`; `E1` … `E7` of schema evolution, `V1` … `V5` of validation. */
  readonly rule: string;
  /** What would be broken, in words. */
  readonly promise: string;
  readonly test: {
    readonly file: string;
    /** `describe > it`, or as many of its last parts as name one test of the file. */
    readonly name: string;
    /** A file of the emulators ring that holds the same promise against S3 and DynamoDB. */
    readonly onEmulators?: string;
  };
  readonly change: Change;
}

/** The text of a file with the change made. @throws Error when `find` does not stand there exactly once */
export function changedText(text: string, { file, find, replace }: Change): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`expected ${JSON.stringify(find)} once in ${file}, found it ${places} times`);
  return text.replace(find, () => replace);
}

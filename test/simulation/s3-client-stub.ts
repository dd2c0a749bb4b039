/** Stands for `@aws-sdk/client-s3` in the simulation's bundle: commands are their input, and the client is given by `simulatedS3`. */
class Command {
  readonly input: Readonly<Record<string, unknown>>;

  constructor(input: Readonly<Record<string, unknown>>) {
    this.input = input;
  }
}

export class PutObjectCommand extends Command {
  readonly verb = 'PUT';
}
export class GetObjectCommand extends Command {
  readonly verb = 'GET';
}
export class HeadObjectCommand extends Command {
  readonly verb = 'HEAD';
}
export class DeleteObjectCommand extends Command {
  readonly verb = 'DELETE';
}
export class ListObjectsV2Command extends Command {
  readonly verb = 'LIST';
}
/** Of an erasure, which no actor asks for: the simulated bucket answers neither. */
export class ListObjectVersionsCommand extends Command {
  readonly verb = 'VERSIONS';
}
export class DeleteObjectsCommand extends Command {
  readonly verb = 'DELETE MANY';
}
export class S3Client {}

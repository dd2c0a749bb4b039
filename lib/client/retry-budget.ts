/**
 * How many calls a client may repeat: a bucket that every call fills by a tenth and every repetition empties by one. While a server is down the
 * client asks once a call and no more, so that repetitions never multiply an overload. Source: gRPC proposal A6, "Throttling Retry Attempts".
 */
export class RetryBudget {
  readonly #size: number;
  #tokens: number;

  constructor(size: number) {
    this.#size = size;
    this.#tokens = size;
  }

  /** A call begins. */
  earn(): void {
    this.#tokens = Math.min(this.#size, this.#tokens + 0.1);
  }

  /** Whether one repetition may be made; it is counted when it may. */
  spend(): boolean {
    // Ten tenths are a little less than one.
    if (this.#tokens < 0.999_999) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** At-least-once delivery of small messages; order is a courtesy. Acknowledged work survives a crash. */
import type { RequestOptions } from './object-store.ts';

export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  /** How often it was handed out, this time included. */
  readonly receiveCount: number;
  /** Names this delivery; a later delivery has another. */
  readonly receipt: string;
}

export interface Queue {
  /** Durable before it answers. */
  send(body: string, options?: RequestOptions & { readonly delaySeconds?: number }): Promise<{ readonly id: string }>;
  /** At most `countMax` messages (≤ 10), invisible to others for `visibilitySeconds`. */
  receive(options: RequestOptions & { readonly countMax: number; readonly visibilitySeconds: number }): Promise<readonly QueueMessage[]>;
  /** Gone for good. A receipt that was overtaken by a later delivery does nothing. */
  acknowledge(receipt: string, options?: RequestOptions): Promise<void>;
  /** Visible again after `delaySeconds`. */
  release(receipt: string, options?: RequestOptions & { readonly delaySeconds?: number }): Promise<void>;
  close(): Promise<void>;
}

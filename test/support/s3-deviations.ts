/** Cases of the object store contract that an imitation of S3 can't pass, each with the reason. */

export const LOCALSTACK_DEVIATIONS: Readonly<Record<string, string>> = {
  'starts a listing after odd paths': 'LocalStack compares StartAfter, unencoded, with keys it has already URL-encoded',
};

export const MINISTACK_DEVIATIONS: Readonly<Record<string, string>> = {};

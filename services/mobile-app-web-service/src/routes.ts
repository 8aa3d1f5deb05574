import {
  ACTIVATION_PATHS,
  activationFind,
  activationRedeem,
  AnswerBody,
  ConfirmBody,
  DEVICE_PATHS,
  deviceAnswer,
  deviceConfirm,
  deviceEnrol,
  deviceForget,
  devicePoll,
  deviceRemove,
  deviceRotate,
  deviceUpdate,
  ForgetBody,
  PollAnswer,
  PollBody,
  RotateBody,
  UpdateBody,
  type ErrorCode,
  type Operation,
} from '@countersign/contracts';
import { Type, type TObject, type TSchema } from 'typebox';

/** One line of the interface. Every one is a POST with JSON in its body. */
export interface Route {
  path: string;
  operation: Operation;
  status: 200 | 201;
  /** Of a signed route app-server reads the body, whose very text was signed; here the schema only describes it. */
  body: TSchema;
  /** What callers hear, where that is less than what app-server answers. */
  answer?: TSchema;
  summary: string;
  /** Beside those that every route has. */
  errors: readonly ErrorCode[];
}

/** What the edge adds itself is no field of the body. */
function without({ properties }: TObject, field: string): TObject {
  const { [field]: _, ...rest } = properties;
  return Type.Object(rest, { additionalProperties: false });
}

/** How somebody's phone becomes known. `infra/nats/mobile-app-web-service.conf` names these operations, those of DEVICE_ROUTES, and device.look. */
export const ACTIVATION_ROUTES: readonly Route[] = [
  {
    path: ACTIVATION_PATHS.find,
    operation: activationFind,
    status: 200,
    body: without(activationFind.input, 'address'),
    summary: 'Get by the code that a person types what the QR code holds',
    errors: ['ACTIVATION_NOT_FOUND'],
  },
  {
    path: ACTIVATION_PATHS.redeem,
    operation: activationRedeem,
    status: 201,
    body: activationRedeem.input,
    summary: 'Make this phone an authenticator, once',
    errors: [
      'ACTIVATION_NOT_FOUND',
      'SIGNATURE_INVALID',
      'USER_DISABLED',
      'SIGN_IN_NEEDED',
      'PRIMARY_UNAVAILABLE',
      'IDEMPOTENCY_KEY_REUSED',
      'IDEMPOTENCY_KEY_BUSY',
    ],
  },
];

const signed: readonly ErrorCode[] = ['DEVICE_UNKNOWN', 'SIGNATURE_INVALID', 'CLOCK_WRONG', 'REPLAYED'];

/** What a phone that was activated asks for. Each request carries its signature. */
export const DEVICE_ROUTES: readonly Route[] = [
  {
    path: DEVICE_PATHS.poll,
    operation: devicePoll,
    status: 200,
    body: PollBody,
    answer: PollAnswer,
    summary: 'See the logins that wait for this phone; with wait, hear of one when it begins',
    errors: [...signed, 'USER_DISABLED'],
  },
  {
    path: DEVICE_PATHS.answer,
    operation: deviceAnswer,
    status: 200,
    body: AnswerBody,
    summary: 'Approve a login, deny it, or report that it was somebody else',
    errors: [
      ...signed,
      'CHALLENGE_NOT_FOUND',
      'CHALLENGE_CLOSED',
      'DISPLAY_MISMATCH',
      'PASSKEY_NEEDED',
      'PASSKEY_REJECTED',
      'NUMBER_WRONG',
      'USER_DISABLED',
    ],
  },
  {
    path: DEVICE_PATHS.update,
    operation: deviceUpdate,
    status: 200,
    body: UpdateBody,
    summary: 'Change what the phone is called, and how it is woken',
    errors: [...signed, 'USER_DISABLED', 'PRIMARY_UNAVAILABLE'],
  },
  {
    path: DEVICE_PATHS.rotate,
    operation: deviceRotate,
    status: 200,
    body: RotateBody,
    summary: 'Put a new key in place of the one that signs this request',
    errors: [...signed, 'USER_DISABLED', 'PRIMARY_UNAVAILABLE'],
  },
  {
    path: DEVICE_PATHS.remove,
    operation: deviceRemove,
    status: 200,
    body: Type.Object({}, { additionalProperties: false }),
    summary: 'Take this phone away',
    errors: [...signed, 'PRIMARY_UNAVAILABLE'],
  },
  {
    path: DEVICE_PATHS.enrol,
    operation: deviceEnrol,
    status: 200,
    body: Type.Object({}, { additionalProperties: false }),
    summary: 'Begin to give the phone a passkey, without which it then approves nothing',
    errors: [...signed, 'NOT_ALLOWED', 'USER_DISABLED'],
  },
  {
    path: DEVICE_PATHS.confirm,
    operation: deviceConfirm,
    status: 200,
    body: ConfirmBody,
    summary: 'Hand over the passkey that the browser has made',
    errors: [
      ...signed,
      'NOT_ALLOWED',
      'PASSKEY_REJECTED',
      'KEY_NOT_ACCEPTED',
      'METADATA_UNAVAILABLE',
      'USER_DISABLED',
      'PRIMARY_UNAVAILABLE',
    ],
  },
  {
    path: DEVICE_PATHS.forget,
    operation: deviceForget,
    status: 200,
    body: ForgetBody,
    summary: 'Take the passkey of the phone away, which confirms it',
    errors: [...signed, 'PASSKEY_REJECTED', 'USER_DISABLED', 'PRIMARY_UNAVAILABLE'],
  },
];

/** What any route may answer beside its own errors. */
const COMMON_ERRORS: readonly ErrorCode[] = ['REQUEST_INVALID', 'TRY_LATER', 'INTERNAL', 'UNAVAILABLE'];

export function errorsOf({ errors }: Route): ErrorCode[] {
  return [...new Set([...COMMON_ERRORS, ...errors])];
}

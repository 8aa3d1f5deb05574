import { Type, type Static } from 'typebox';

const closed = { additionalProperties: false } as const;
const Base64Url = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]*$', maxLength });
const CredentialId = Base64Url(1400);
const Extensions = Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 20 });

/** What the browser answers to a registration, as JSON (WebAuthn Level 3 section 5.1, RegistrationResponseJSON). */
export const PasskeyRegistration = Type.Object(
  {
    id: CredentialId,
    rawId: CredentialId,
    type: Type.Literal('public-key'),
    response: Type.Object({
      clientDataJSON: Base64Url(8192),
      attestationObject: Base64Url(24_576),
      transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10 })),
    }),
    authenticatorAttachment: Type.Optional(Type.String({ maxLength: 32 })),
    clientExtensionResults: Type.Optional(Extensions),
  },
  closed,
);
export type PasskeyRegistration = Static<typeof PasskeyRegistration>;

/** What the browser answers to a login, as JSON (WebAuthn Level 3 section 5.1, AuthenticationResponseJSON). */
export const PasskeyAssertion = Type.Object(
  {
    id: CredentialId,
    rawId: CredentialId,
    type: Type.Literal('public-key'),
    response: Type.Object({
      clientDataJSON: Base64Url(8192),
      authenticatorData: Base64Url(8192),
      signature: Base64Url(2048),
      userHandle: Type.Optional(Base64Url(128)),
    }),
    authenticatorAttachment: Type.Optional(Type.String({ maxLength: 32 })),
    clientExtensionResults: Type.Optional(Extensions),
  },
  closed,
);
export type PasskeyAssertion = Static<typeof PasskeyAssertion>;

/** For `navigator.credentials`: options as JSON (WebAuthn Level 3 section 5.4 and 5.5), handed through as they are. */
export const PasskeyOptions = Type.Record(Type.String(), Type.Unknown());
export type PasskeyOptions = Static<typeof PasskeyOptions>;

import { MfaError, PolicySchema, type InvalidField, type PolicyDocument } from '@countersign/contracts';
import { Type, type TObject, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** The schema of a stored document: the policy with every value optional, at both levels. */
const documentSchema = Type.Partial(
  Type.Object(
    Object.fromEntries(
      Object.entries(PolicySchema.properties as Record<string, TSchema>).map(([name, section]) => [
        name,
        'properties' in section ? Type.Partial(section as TObject, { additionalProperties: false }) : section,
      ]),
    ),
    { additionalProperties: false },
  ),
  { additionalProperties: false },
);
const validator = Compile(documentSchema);

/**
 * Reads a document that an administrator wrote.
 * @throws MfaError REQUEST_INVALID naming each field that is unknown, of the wrong type, out of bounds or at odds with another.
 */
export function parsePolicyDocument(document: unknown): PolicyDocument {
  const invalid = validator.Check(document) ? contradictions(document) : schemaErrors(document);
  if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });
  return document as PolicyDocument;
}

function schemaErrors(document: unknown): InvalidField[] {
  return validator
    .Errors(document)
    .slice(0, 20)
    .map(({ instancePath, message, params }) => ({
      pointer: `/document${instancePath}`,
      message: 'additionalProperties' in params ? `does not know ${String(params.additionalProperties)}` : message,
    }));
}

/** What a schema cannot say. */
function contradictions({ texts, totp }: PolicyDocument): InvalidField[] {
  const withoutCode = Object.entries(texts ?? {})
    .filter(([, text]) => text?.sms !== undefined && !text.sms.includes('{{code}}'))
    .map(([language]) => ({ pointer: `/document/texts/${language}/sms`, message: 'must hold {{code}}' }));
  // Without a step ahead, one late code would let the drift move the window away from fresh ones.
  const drifting = totp?.futureSteps === 0 && (totp.maxDriftSteps ?? 1) > 0;
  return drifting
    ? [...withoutCode, { pointer: '/document/totp/maxDriftSteps', message: 'must be 0 when futureSteps is 0' }]
    : withoutCode;
}

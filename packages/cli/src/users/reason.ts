/** A reason is kept in the audit for whoever asks later; the operations refuse shorter ones. */
export const REASON_OPTION = {
  kind: 'text',
  required: true,
  description: 'Why, for the audit; 3 to 500 characters.',
} as const;

import { Alert } from '@countersign/ui';
import { languageOf } from '@countersign/ui/i18n';
import { sayIn } from './i18n/messages.ts';

/** In place of the app, where it could keep no key. */
export function KeepsNothing({ languages }: { languages: readonly string[] }) {
  return (
    <main className="page">
      <h1>Countersign</h1>
      <Alert tone="bad">{sayIn(languageOf(languages))('app.keepsNothing')}</Alert>
    </main>
  );
}

import { Button } from '@countersign/ui';
import { useState } from 'react';
import { useHouse } from '../context.tsx';
import { Title } from '../title.tsx';

/** Shows them this once: to copy, to print, to download, or to write down. */
export function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  const { say, welcome } = useHouse();
  const [isCopied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(codes.join('\n')).then(() => setCopied(true));
  };
  const download = () => {
    const text = `${welcome.organisation}: ${say('factor.recovery')}\n\n${codes.join('\n')}\n`;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    link.download = 'recovery-codes.txt';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <section className="panel">
      <Title text={say('enrol.recoveryTitle')} />
      <p>{say('enrol.recoveryText')}</p>
      <ul className="codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="actions">
        <Button onPress={copy}>{isCopied ? say('enrol.copied') : say('enrol.copy')}</Button>
        <Button onPress={download}>{say('enrol.download')}</Button>
        <Button onPress={() => print()}>{say('enrol.print')}</Button>
        <Button kind="main" onPress={onKept}>
          {say('enrol.kept')}
        </Button>
      </div>
    </section>
  );
}

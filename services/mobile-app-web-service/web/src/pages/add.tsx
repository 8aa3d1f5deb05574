import { Choice } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import { Title } from '../title.tsx';

const WAYS = ['scan', 'type', 'paste'] as const;

export function Add() {
  const { say, go } = useHouse();
  return (
    <section className="panel">
      <Title text={say('add.title')} />
      <ul className="list choices">
        {WAYS.map((way) => (
          <Choice key={way} title={say(`add.${way}`)} onPress={() => go({ at: way })}>
            {say(`add.${way}Text`)}
          </Choice>
        ))}
      </ul>
    </section>
  );
}

/**
 * Names one place in the history of a subject, as the message id of whoever would take it. The condition on the last sequence is not
 * enough: in a cluster nats-server checks it where a message is proposed, before those that were proposed a moment ago are applied, so
 * two at the same place are both stored (2.9.10: in three rounds of four). Message ids are compared where messages are applied, in the
 * same order on every server, within the stream's duplicate window. Races are over long before it ends; after it the condition holds.
 *
 * The first place needs no name: that nothing is there yet is checked where messages are applied. It must not have one either, since
 * it is free again when the messages of a subject have been purged or have reached their age.
 */
export function placeOf(subject: string, expectedSequence: number): { msgID?: string } {
  return expectedSequence === 0 ? {} : { msgID: `${subject} ${expectedSequence}` };
}

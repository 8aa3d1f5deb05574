/** The role app-server runs as where it does not own the tables; see README.md. */
export const SERVICE_ROLE = 'countersign_service';

/** What that role may do, table by table. */
export const TABLE_GRANTS: readonly { tables: readonly string[]; privileges: readonly string[] }[] = [
  {
    tables: [
      'app_user',
      'user_alias',
      'authenticator',
      'directory',
      'user_identity',
      'passkey',
      'device',
      'recovery_set',
      'recovery_use',
      'user_pin',
      'application',
      'application_key',
      'application_certificate',
      'key_canary',
      'user_ledger',
      'notice',
      'question_answer',
      'question_try',
      'radius_client',
      'radius_client_identity',
      'radius_upstream',
      'radius_sighting',
      'radius_retransmission',
      'radius_stranger',
      'radius_report',
    ],
    privileges: ['select', 'insert', 'update', 'delete'],
  },
  {
    tables: [
      'signing_key',
      'phone_key_set',
      'key_root',
      'projection_checkpoint',
      'ledger_memory',
      'ledger_layout',
      'authority',
      'replica',
    ],
    privileges: ['select', 'insert', 'update'],
  },
  { tables: ['policy', 'audit_event'], privileges: ['select', 'insert'] },
  { tables: ['schema_migration'], privileges: ['select'] },
];

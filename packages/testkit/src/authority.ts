/** Tests and the development stack make their certificates as the product does. */
export {
  createAuthority,
  issueCertificate,
  type CertificateOptions,
  type IssuedCertificate,
  type KeyAndCertificate,
} from '@countersign/authority';

//! Signatures read and verified.

use der::asn1::{Any, SetOfVec};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use kurmadisk_formats::read_at::ReadAt;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, PublicKey};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use zerocopy::{FromZeros, IntoBytes};

use super::super::pe::{Pe, PeFault};
use super::SigningError;
use super::digest::Layout;
use super::sign::{certificate, first_certificate};
use super::spec::{
    ALIGNMENT, CONTENT_TYPE, ContentInfo, INDIRECT_DATA, IndirectData, MESSAGE_DIGEST,
    RSA_ENCRYPTION, SHA256, SHA256_WITH_RSA, SIGNED_DATA, SignedData, SignerInfo, TYPE_SIGNED_DATA,
    WinCertificate,
};

/// Bytes of all signatures; none that firmware reads has more.
const MAX_TABLE: u64 = 1 << 20;

/// A signature of a program, ready for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SignatureReport {
    /// Whose certificate it is (RFC 4514); none when it can't be read.
    pub subject: Option<String>,
    /// Who vouches for that.
    pub issuer: Option<String>,
    /// The certificate's number, in hexadecimal digits.
    pub serial: Option<String>,
    /// SHA-256 of the certificate.
    pub fingerprint: Option<String>,
    /// The digest that is signed, in hexadecimal digits.
    pub digest: Option<String>,
    /// What is wrong with the signature; none for one that was made by the certificate's key for this program.
    pub problem: Option<String>,
}

/// A certificate that a signature is to be of.
#[derive(Clone, Debug)]
pub struct TrustedCertificate {
    fingerprint: String,
}

impl TrustedCertificate {
    /// Reads the first certificate of a PEM file.
    pub fn from_pem(pem: &str) -> Result<Self, SigningError> {
        let fingerprint = fingerprint(&first_certificate(pem)?)?;
        Ok(Self { fingerprint })
    }

    /// Whether one of `signatures` is sound, and of this certificate.
    #[must_use]
    pub fn signed(&self, signatures: &[SignatureReport]) -> bool {
        signatures.iter().any(|signature| {
            signature.problem.is_none() && signature.fingerprint.as_ref() == Some(&self.fingerprint)
        })
    }
}

/// The signatures of `image`, all of which is read. Whether a certificate is to be trusted is not asked here.
///
/// Fails when the image is no program, or its certificate table no table.
pub fn signatures(image: &dyn ReadAt) -> Result<Vec<SignatureReport>, PeFault> {
    let pe = Pe::read(image)?;
    let messages = messages(image, &pe)?;
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let digest = Layout::new(&pe)?.digest(image, 0)?;
    let reports = messages.iter().map(|message| report(message, &digest));
    Ok(reports.collect())
}

/// The messages of the certificate table.
fn messages(image: &dyn ReadAt, pe: &Pe) -> Result<Vec<Vec<u8>>, PeFault> {
    let mut messages = Vec::new();
    let directory = pe
        .directories
        .get(super::super::pe::spec::DIRECTORY_SECURITY);
    if directory.is_none_or(|directory| directory.size.get() == 0) {
        return Ok(messages);
    }
    let table = Layout::new(pe)?.table;
    if table.end - table.start > MAX_TABLE {
        return Err(PeFault::Headers(
            "its certificate table has more than 1 MiB",
        ));
    }
    let header_len = size_of::<WinCertificate>() as u64;
    let mut at = table.start;
    while at + header_len <= table.end {
        let mut header = WinCertificate::new_zeroed();
        image
            .read_exact_at(at, header.as_mut_bytes())
            .map_err(PeFault::Read)?;
        let len = u64::from(header.length.get());
        if len < header_len || at + len > table.end {
            return Err(PeFault::Headers(
                "an entry of its certificate table is not within the table",
            ));
        }
        if header.certificate_type.get() == TYPE_SIGNED_DATA {
            let mut message = vec![0; usize::try_from(len - header_len).unwrap_or_default()];
            image
                .read_exact_at(at + header_len, &mut message)
                .map_err(PeFault::Read)?;
            messages.push(message);
        }
        at = (at + len).next_multiple_of(ALIGNMENT);
    }
    Ok(messages)
}

fn report(message: &[u8], digest: &[u8; 32]) -> SignatureReport {
    let mut report = SignatureReport {
        subject: None,
        issuer: None,
        serial: None,
        fingerprint: None,
        digest: None,
        problem: None,
    };
    if let Err(problem) = verify(message, digest, &mut report) {
        report.problem = Some(problem);
    }
    report
}

/// Fills in what is known, and says what is wrong.
fn verify(message: &[u8], digest: &[u8; 32], report: &mut SignatureReport) -> Result<(), String> {
    let damaged = |error: der::Error| format!("it cannot be read: {error}");
    // Zeros fill the entry behind the message.
    let (outer, _) = ContentInfo::from_der_partial(message).map_err(damaged)?;
    if outer.content_type != SIGNED_DATA {
        return Err("it is no signed data".to_owned());
    }
    let data: SignedData = outer.content.decode_as().map_err(damaged)?;
    let [signer] = data.signers.as_slice() else {
        return Err(format!("it has {} signers", data.signers.len()));
    };
    let certificate = certificate_of(&data, signer).map_err(damaged)?;
    let certificate = certificate.ok_or("the signer's certificate is not in it")?;
    let own = certificate.tbs_certificate();
    report.subject = Some(own.subject().to_string());
    report.issuer = Some(own.issuer().to_string());
    report.serial = Some(data_encoding::HEXLOWER.encode(own.serial_number().as_bytes()));
    report.fingerprint = Some(fingerprint(&certificate).map_err(damaged)?);

    if data.content.content_type != INDIRECT_DATA {
        return Err("it signs no program".to_owned());
    }
    let content = &data.content.content;
    let indirect: IndirectData = content.decode_as().map_err(damaged)?;
    let of_program = &indirect.message_digest;
    report.digest = Some(data_encoding::HEXLOWER.encode(of_program.digest.as_bytes()));
    let algorithms = [of_program.algorithm.oid, signer.digest_algorithm.oid];
    if let Some(other) = algorithms.iter().find(|oid| **oid != SHA256) {
        return Err(format!(
            "its hash is {other}; only SHA-256 is verified here"
        ));
    }
    signed_by(&certificate, signer, content.value())?;
    if of_program.digest.as_bytes() == digest {
        Ok(())
    } else {
        let found = data_encoding::HEXLOWER.encode(digest);
        Err(format!("the program was changed: its digest is {found}"))
    }
}

/// Verifies the signature of `content`.
fn signed_by(certificate: &Certificate, signer: &SignerInfo, content: &[u8]) -> Result<(), String> {
    let damaged = |error: der::Error| format!("it cannot be read: {error}");
    let attributes = signer.signed_attributes.as_ref();
    let attributes = attributes.ok_or("it signs no attributes")?;
    let value = |oid| {
        let attribute = attributes.iter().find(|attribute| attribute.oid == oid)?;
        attribute.values.get(0)
    };
    let signs = value(CONTENT_TYPE).map(Any::decode_as::<ObjectIdentifier>);
    if signs != Some(Ok(INDIRECT_DATA)) {
        return Err("it signs something else than a program's digest".to_owned());
    }
    let message = value(MESSAGE_DIGEST).map(Any::value);
    if message != Some(&Sha256::digest(content)[..]) {
        return Err("its content was changed".to_owned());
    }
    let scheme = signer.signature_algorithm.oid;
    if ![RSA_ENCRYPTION, SHA256_WITH_RSA].contains(&scheme) {
        return Err(format!("its scheme is {scheme}; only RSA is verified here"));
    }
    let key = certificate.tbs_certificate().subject_public_key_info();
    let key = key.to_der().map_err(damaged)?;
    let key = PublicKey::from_public_key_der(&key);
    let key = key.map_err(|_| "the certificate's key is not RSA")?;
    let signed = Sha256::digest(attributes.to_der().map_err(damaged)?);
    let scheme = Pkcs1v15Sign::new::<rsa::sha2::Sha256>();
    let verified = key.verify(scheme, &signed, signer.signature.as_bytes());
    verified.map_err(|_| "the certificate's key did not make it".to_owned())
}

fn certificate_of(
    data: &SignedData,
    signer: &SignerInfo,
) -> Result<Option<Certificate>, der::Error> {
    for any in data.certificates.iter().flat_map(SetOfVec::iter) {
        let certificate = certificate(any)?;
        let own = certificate.tbs_certificate();
        if *own.issuer() == signer.signer.issuer
            && *own.serial_number() == signer.signer.serial_number
        {
            return Ok(Some(certificate));
        }
    }
    Ok(None)
}

fn fingerprint(certificate: &Certificate) -> Result<String, der::Error> {
    let digest = Sha256::digest(certificate.to_der()?);
    Ok(data_encoding::HEXLOWER.encode(&digest))
}

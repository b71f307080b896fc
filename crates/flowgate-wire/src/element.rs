//! The elements of messages: how each type of field is read and written.

use std::borrow::Cow;

use crate::dict::DictRepr;
use crate::error::Fault;
use crate::payload::{PayloadRepr, TailCount};
use crate::read::{Kind, Reader};
use crate::transcode::{Undefined, transcode};
use crate::write::{Writer, write_dict, write_list};
use crate::{
    Dict, MessageType, Payload, PublicationId, RegistrationId, RequestId, SessionId,
    SubscriptionId, Uri,
};

/// The type of a field of a message.
pub(crate) trait Element<'a>: Sized {
    /// Reads the field; the reader stands before it.
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault>;

    /// How many elements the field takes on the wire.
    fn count(&self) -> usize {
        1
    }

    /// Writes that many elements.
    fn encode<W: Writer>(&self, writer: &mut W);
}

fn required<'a>(reader: &mut impl Reader<'a>) -> Result<(), Fault> {
    if reader.next()? { Ok(()) } else { Err(Fault::Missing) }
}

fn unsigned<'a>(reader: &mut impl Reader<'a>, expected: &'static str) -> Result<u64, Fault> {
    required(reader)?;
    reader.unsigned()?.ok_or(Fault::Wrong(expected))
}

fn text<'a>(reader: &mut impl Reader<'a>) -> Result<Cow<'a, str>, Fault> {
    required(reader)?;
    reader.text()?.ok_or(Fault::Wrong("a string"))
}

fn dict<'a, R: Reader<'a>>(reader: &mut R) -> Result<Dict<'a>, Fault> {
    let bytes = match reader.empty_dict()? {
        Some(bytes) => bytes,
        None => match reader.element()? {
            (Kind::Dict, element) => element.bytes,
            _ => return Err(Fault::Wrong("a dictionary")),
        },
    };
    Ok(Dict(DictRepr::Raw { format: R::FORMAT, bytes }))
}

macro_rules! id_element {
    ($($name:ident),*) => {
        $(
            impl<'a> Element<'a> for $name {
                fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
                    let id = unsigned(reader, "an identifier")?;
                    Self::new(id).map_err(|error| Fault::Id(error.0))
                }

                fn encode<W: Writer>(&self, writer: &mut W) {
                    writer.unsigned(self.get());
                }
            }
        )*
    };
}

id_element!(SessionId, RequestId, SubscriptionId, PublicationId, RegistrationId);

/// Zero for none.
impl<'a> Element<'a> for Option<RequestId> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        match unsigned(reader, "an identifier")? {
            0 => Ok(None),
            id => RequestId::new(id).map(Some).map_err(|error| Fault::Id(error.0)),
        }
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.unsigned(self.map_or(0, RequestId::get));
    }
}

impl<'a> Element<'a> for MessageType {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        let code = unsigned(reader, "a message type")?;
        Self::from_code(code).ok_or(Fault::Wrong("a message type"))
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.unsigned(u64::from(self.code()));
    }
}

impl<'a> Element<'a> for Cow<'a, str> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        text(reader)
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.string(self.as_bytes());
    }
}

impl<'a> Element<'a> for Uri<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        text(reader).map(Self::from)
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.string(self.as_bytes());
    }
}

impl<'a> Element<'a> for Dict<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        required(reader)?;
        dict(reader)
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        match &self.0 {
            DictRepr::Raw { format, bytes } if *format == W::FORMAT => writer.raw(bytes),
            DictRepr::Raw { format, bytes } => {
                transcode(*format, bytes, 1, Undefined::Absent, writer);
            }
            DictRepr::Entries(entries) => write_dict(writer, entries),
        }
    }
}

/// A last element that may be absent.
impl<'a> Element<'a> for Option<Dict<'a>> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        if !reader.next()? {
            return Ok(None);
        }
        dict(reader).map(Some)
    }

    fn count(&self) -> usize {
        usize::from(self.is_some())
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        if let Some(dict) = self {
            dict.encode(writer);
        }
    }
}

impl<'a> Element<'a> for Payload<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, Fault> {
        if !reader.next()? {
            return Ok(Self::EMPTY);
        }
        let (kind, args) = reader.element()?;
        let mut count = TailCount::One;
        let mut end = args.end;
        match kind {
            Kind::Binary => {}
            Kind::List => {
                if reader.next()? {
                    let (kind, kwargs) = reader.element()?;
                    if kind != Kind::Dict {
                        return Err(Fault::Wrong("a list followed by a dictionary"));
                    }
                    count = TailCount::Two;
                    end = kwargs.end;
                }
            }
            Kind::Dict | Kind::Other => return Err(Fault::Wrong("a list")),
        }
        let bytes = reader.slice(args.start, end);
        Ok(Self(PayloadRepr::Raw { format: R::FORMAT, count, bytes }))
    }

    fn count(&self) -> usize {
        match &self.0 {
            PayloadRepr::None => 0,
            PayloadRepr::Raw { count, .. } => count.get(),
            PayloadRepr::Values { kwargs, .. } if !kwargs.is_empty() => 2,
            PayloadRepr::Values { args, .. } => usize::from(!args.is_empty()),
            PayloadRepr::Filled { template, .. } => usize::from(!template.is_empty()),
        }
    }

    fn encode<W: Writer>(&self, writer: &mut W) {
        match &self.0 {
            PayloadRepr::None => {}
            PayloadRepr::Raw { format, bytes, .. } if *format == W::FORMAT => writer.raw(bytes),
            PayloadRepr::Raw { format, count, bytes } => {
                transcode(*format, bytes, count.get(), Undefined::Null, writer);
            }
            PayloadRepr::Values { args, kwargs } => {
                if !args.is_empty() || !kwargs.is_empty() {
                    write_list(writer, args);
                }
                if !kwargs.is_empty() {
                    write_dict(writer, kwargs);
                }
            }
            PayloadRepr::Filled { template, .. } if template.is_empty() => {}
            PayloadRepr::Filled { template, values } => template.write(values, writer),
        }
    }
}

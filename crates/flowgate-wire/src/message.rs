//! The messages of WAMP v2, basic and advanced profile.

use std::borrow::Cow;

use crate::element::Element;
use crate::read::Reader;
use crate::write::{Shape, Writer};
use crate::{
    DecodeError, Dict, Payload, PublicationId, RegistrationId, RequestId, SessionId,
    SubscriptionId, Uri,
};

/// Declares all messages in one table: the structs, [`Message`] and [`MessageType`], and how a
/// message is read and written.
///
/// The order of the fields is the order of the elements on the wire after the type code.
macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? = $code:literal $wire_name:literal {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name $(<$life>)? {
                $( $(#[$field_doc])* pub $field: $type, )*
            }

            impl<'a> From<$name $(<$life>)?> for Message<'a> {
                fn from(message: $name $(<$life>)?) -> Self {
                    Self::$name(message)
                }
            }
        )*

        /// One WAMP message; borrows names, dictionaries and payload from the frame it came in.
        #[derive(Debug, Clone)]
        pub enum Message<'a> {
            $( $(#[$doc])* $name($name $(<$life>)?), )*
        }

        /// The type of a message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum MessageType {
            $( $(#[$doc])* $name = $code, )*
        }

        impl Message<'_> {
            /// The type of this message.
            #[must_use]
            pub const fn message_type(&self) -> MessageType {
                match self {
                    $( Self::$name(_) => MessageType::$name, )*
                }
            }
        }

        impl<'a> Message<'a> {
            /// Reads a message whose reader stands at the beginning.
            pub(crate) fn read<R: Reader<'a>>(
                reader: &mut R,
            ) -> std::result::Result<Self, DecodeError> {
                reader.open()?;
                if !reader.next()? {
                    return Err(DecodeError::NotAMessage);
                }
                let message = match reader.unsigned()?.ok_or(DecodeError::NotAMessage)? {
                    $(
                        $code => Self::$name($name {
                            $(
                                $field: Element::decode(reader).map_err(|fault| {
                                    fault.at(MessageType::$name, stringify!($field))
                                })?,
                            )*
                        }),
                    )*
                    code => return Err(DecodeError::UnknownType(code)),
                };
                if reader.next()? {
                    let message = message.message_type();
                    return Err(DecodeError::TooManyElements { message });
                }
                reader.close()?;
                Ok(message)
            }

            /// Writes the message.
            pub(crate) fn write<W: Writer>(&self, writer: &mut W) {
                match self {
                    $(
                        Self::$name(message) => {
                            let count = 1 $( + Element::count(&message.$field) )*;
                            let at = writer.begin(Shape::List, Some(count));
                            writer.unsigned($code);
                            $( Element::encode(&message.$field, writer); )*
                            writer.end(Shape::List, at, None);
                        }
                    )*
                }
            }
        }

        impl MessageType {
            /// All types, by ascending code.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )* ];

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The type with this code.
            #[must_use]
            pub const fn from_code(code: u64) -> Option<Self> {
                match code {
                    $( $code => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// The name in the specification, such as `EVENT_RECEIVED`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$name => $wire_name, )*
                }
            }
        }
    };
}

messages! {
    /// A client asks to join a realm.
    Hello<'a> = 1 "HELLO" {
        /// The realm to join.
        realm: Uri<'a>,
        /// Roles, features, authentication methods and more.
        details: Dict<'a>,
    }
    /// The router accepts a session.
    Welcome<'a> = 2 "WELCOME" {
        /// The session.
        session: SessionId,
        /// Roles, features and who the session is.
        details: Dict<'a>,
    }
    /// A peer refuses to open a session, or ends one after a protocol violation; has no reply.
    Abort<'a> = 3 "ABORT" {
        /// Usually a `message`.
        details: Dict<'a>,
        /// Why.
        reason: Uri<'a>,
        /// More about why.
        payload: Payload<'a>,
    }
    /// The router asks a joining client to authenticate.
    Challenge<'a> = 4 "CHALLENGE" {
        /// The method, such as `wampcra`.
        auth_method: Cow<'a, str>,
        /// What the method needs.
        extra: Dict<'a>,
    }
    /// A client answers a challenge.
    Authenticate<'a> = 5 "AUTHENTICATE" {
        /// The answer; a secret.
        signature: Cow<'a, str>,
        /// What the method adds.
        extra: Dict<'a>,
    }
    /// A peer closes the session, or confirms that the other did.
    Goodbye<'a> = 6 "GOODBYE" {
        /// Usually a `message`.
        details: Dict<'a>,
        /// Why.
        reason: Uri<'a>,
    }
    /// A request failed.
    Error<'a> = 8 "ERROR" {
        /// The type of the request.
        request_type: MessageType,
        /// The request.
        request: RequestId,
        /// Additional details.
        details: Dict<'a>,
        /// What failed.
        error: Uri<'a>,
        /// More about what failed.
        payload: Payload<'a>,
    }
    /// A publisher publishes an event.
    Publish<'a> = 16 "PUBLISH" {
        /// The request.
        request: RequestId,
        /// How to publish.
        options: Dict<'a>,
        /// The topic.
        topic: Uri<'a>,
        /// The event.
        payload: Payload<'a>,
    }
    /// The broker acknowledges a publication.
    Published = 17 "PUBLISHED" {
        /// The PUBLISH request.
        request: RequestId,
        /// The publication.
        publication: PublicationId,
    }
    /// A subscriber subscribes to a topic.
    Subscribe<'a> = 32 "SUBSCRIBE" {
        /// The request.
        request: RequestId,
        /// How to subscribe.
        options: Dict<'a>,
        /// The topic or pattern.
        topic: Uri<'a>,
    }
    /// The broker acknowledges a subscription.
    Subscribed = 33 "SUBSCRIBED" {
        /// The SUBSCRIBE request.
        request: RequestId,
        /// The subscription.
        subscription: SubscriptionId,
    }
    /// A subscriber ends a subscription.
    Unsubscribe = 34 "UNSUBSCRIBE" {
        /// The request.
        request: RequestId,
        /// The subscription.
        subscription: SubscriptionId,
    }
    /// The broker acknowledges that a subscription ended, or revokes one.
    Unsubscribed<'a> = 35 "UNSUBSCRIBED" {
        /// The UNSUBSCRIBE request; `None` (0 on the wire) when the broker revokes.
        request: Option<RequestId>,
        /// The revoked subscription and the reason; absent in an acknowledgement.
        details: Option<Dict<'a>>,
    }
    /// The broker delivers an event.
    Event<'a> = 36 "EVENT" {
        /// The subscription that matched.
        subscription: SubscriptionId,
        /// The publication.
        publication: PublicationId,
        /// Topic, publisher and more, where they apply.
        details: Dict<'a>,
        /// The event.
        payload: Payload<'a>,
    }
    /// A caller calls a procedure.
    Call<'a> = 48 "CALL" {
        /// The request.
        request: RequestId,
        /// How to call.
        options: Dict<'a>,
        /// The procedure.
        procedure: Uri<'a>,
        /// The arguments.
        payload: Payload<'a>,
    }
    /// A caller cancels a call.
    Cancel<'a> = 49 "CANCEL" {
        /// The CALL request.
        request: RequestId,
        /// The mode.
        options: Dict<'a>,
    }
    /// The dealer returns a result.
    Result<'a> = 50 "RESULT" {
        /// The CALL request.
        request: RequestId,
        /// Whether there is more to come.
        details: Dict<'a>,
        /// The result.
        payload: Payload<'a>,
    }
    /// A callee registers a procedure.
    Register<'a> = 64 "REGISTER" {
        /// The request.
        request: RequestId,
        /// How to register.
        options: Dict<'a>,
        /// The procedure or pattern.
        procedure: Uri<'a>,
    }
    /// The dealer acknowledges a registration.
    Registered = 65 "REGISTERED" {
        /// The REGISTER request.
        request: RequestId,
        /// The registration.
        registration: RegistrationId,
    }
    /// A callee ends a registration.
    Unregister = 66 "UNREGISTER" {
        /// The request.
        request: RequestId,
        /// The registration.
        registration: RegistrationId,
    }
    /// The dealer acknowledges that a registration ended, or revokes one.
    Unregistered<'a> = 67 "UNREGISTERED" {
        /// The UNREGISTER request; `None` (0 on the wire) when the dealer revokes.
        request: Option<RequestId>,
        /// The revoked registration and the reason; absent in an acknowledgement.
        details: Option<Dict<'a>>,
    }
    /// The dealer invokes a callee.
    Invocation<'a> = 68 "INVOCATION" {
        /// The request.
        request: RequestId,
        /// The registration.
        registration: RegistrationId,
        /// Procedure, caller and more, where they apply.
        details: Dict<'a>,
        /// The arguments.
        payload: Payload<'a>,
    }
    /// The dealer interrupts an invocation.
    Interrupt<'a> = 69 "INTERRUPT" {
        /// The INVOCATION request.
        request: RequestId,
        /// The mode.
        options: Dict<'a>,
    }
    /// A callee yields a result.
    Yield<'a> = 70 "YIELD" {
        /// The INVOCATION request.
        request: RequestId,
        /// Whether there is more to come.
        options: Dict<'a>,
        /// The result.
        payload: Payload<'a>,
    }
    /// A subscriber acknowledges an event.
    EventReceived = 337 "EVENT_RECEIVED" {
        /// The publication.
        publication: PublicationId,
    }
}

"""The shape of what people type to sign in, to set a password and to describe themselves."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from shared_apps.accounts import entering
from shared_apps.accounts.models import ONE_LINE, Passkey, Throttle, User, has_second_factor, takes_code
from shared_apps.kit.text import refuse_web_addresses

LONGEST_PASSWORD = 1000  # characters


def _password_field(label: Any, autocomplete: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=LONGEST_PASSWORD, widget=widget)


class SignInForm(forms.Form):
    """`person` after `is_valid()`. One message for every failure: it tells nothing about an account."""

    email = forms.CharField(
        label=_("E-mail"),
        widget=forms.EmailInput(
            attrs={"autocomplete": "username", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )
    password = _password_field(_("Password"), "current-password")
    person: User | None = None
    closed_until: datetime | None = None

    def __init__(self, *args: Any, request: HttpRequest, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.now = request, now

    @sensitive_variables("password")
    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("email"), self.cleaned_data.get("password")
        if not email or not password:
            self._refuse_whatever_is_wrong()
            return self.cleaned_data
        throttle = Throttle.of(email, purpose="sign-in", now=self.now)
        refuse_when_closed(self, throttle, self.now)
        found = authenticate(self.request, email=email, password=password)
        if not isinstance(found, User):
            throttle.count(self.now)
            refuse_when_closed(self, throttle, self.now)
            raise forms.ValidationError(gettext("E-mail or password is not right."))
        throttle.clear()
        self.person = found
        return self.cleaned_data

    def _refuse_whatever_is_wrong(self) -> None:
        """An empty field is said; NUL or a text without end is one more wrong password."""
        if any(error.code != "required" for errors in self.errors.as_data().values() for error in errors):
            self.errors.clear()
            raise forms.ValidationError(gettext("E-mail or password is not right."))


def refuse_when_closed(form: "SignInForm | CodeForm", throttle: Throttle, now: datetime) -> None:
    """Raises ValidationError with the time from which on the account may be tried again."""
    if throttle.is_closed(now) and throttle.until:
        form.closed_until = throttle.until
        at = formats.time_format(timezone.localtime(throttle.until), "H:i:s")
        raise forms.ValidationError(gettext("Too many attempts. Try again after %(time)s.") % {"time": at})


class ForgotForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class NewPasswordForm(forms.Form):
    """A new password for `person`, by a link that proved who they are."""

    password = _password_field(_("New password"), "new-password")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.person)
        return password


class ConditionalForm(NewPasswordForm):
    """A password with which somebody enters, and the box of what they agree to when there is something (entering.py)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.condition = entering.condition(self.person)
        if self.condition:
            self.fields["terms"] = forms.BooleanField(
                label=self.condition.label, error_messages={"required": self.condition.refused}
            )

    def accept(self, *, language: str, now: datetime) -> None:
        """What was ticked is on record from now on."""
        if self.condition:
            self.condition.accept(language=language, now=now)


class EnterForm(ConditionalForm):
    name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        validators=[ONE_LINE, refuse_web_addresses],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = _password_field(_("Choose a password"), "new-password")
    field_order = ("name", "password", "terms")


class OneTimeInput(forms.TextInput):
    """Never shows again what was typed: it is good once at most."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class CodeForm(forms.Form):
    """The second factor: a code of the app, a recovery code, or what a passkey answered, in one field.

    `person` is who must have it. Guesses are counted by account; a code is good once.
    """

    code = forms.CharField(
        label=_("Code"),
        max_length=Passkey.LONGEST_ANSWER,
        widget=OneTimeInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        ),
    )
    closed_until: datetime | None = None

    def __init__(
        self, *args: Any, person: User, now: datetime, request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.person, self.now, self.request = person, now, request

    def passkey_options(self) -> str:
        """For the page: what the person's passkey is asked, a new question each time; "" without one."""
        from shared_apps.accounts import passkeys

        return passkeys.request_options(self.request, self.person) if self.request else ""

    def clean(self) -> dict[str, Any]:
        """Looked at last, so that a recovery code isn't spent on a form with another mistake."""
        cleaned = super().clean() or self.cleaned_data
        if "code" in self.fields and not self.errors:
            try:
                self._check(cleaned["code"].strip())
            except forms.ValidationError as error:
                self.add_error("code", error)
        return cleaned

    @sensitive_variables("typed")
    def _check(self, typed: str) -> None:
        from shared_apps.accounts import passkeys

        throttle = Throttle.of(self.person.email, purpose="second-factor", now=self.now)
        refuse_when_closed(self, throttle, self.now)
        if typed.startswith("{"):
            is_right = self.request is not None and passkeys.takes(
                self.request, self.person, typed, now=self.now
            )
            wrong = gettext("The passkey was not accepted. Try again, or use a code.")
        else:
            is_right = takes_code(self.person, typed, now=self.now)
            wrong = gettext("This code is not right, or it was used already.")
        if not is_right:
            throttle.count(self.now)
            raise forms.ValidationError(wrong)
        throttle.clear()


class ProofForm(CodeForm):
    """What somebody signed in does only with their present password, and with their second factor when they have one.

    Guesses are counted, as at the sign-in. Pages include accounts/components/code.html. Give `request`, or
    passkeys are not taken.
    """

    current = _password_field(_("Present password"), "current-password")
    field_order: tuple[str, ...] = ("current", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_second_factor(self.person):
            del self.fields["code"]

    @sensitive_variables("current")
    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        throttle = Throttle.of(self.person.email, purpose="password", now=self.now)
        refuse_when_closed(self, throttle, self.now)
        if not self.person.check_password(current):
            throttle.count(self.now)
            raise forms.ValidationError(gettext("This is not your present password."))
        throttle.clear()
        return current


class PasswordForm(ProofForm):
    """A new password by somebody signed in."""

    password = _password_field(_("New password"), "new-password")
    field_order = ("current", "password", "code")
    clean_password = NewPasswordForm.clean_password


class EmailForm(ProofForm):
    """Another address to sign in with. That it is taken is said by mail alone: the page tells nothing about others."""

    email = forms.EmailField(
        label=_("New e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("email", "current", "code")


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    information = forms.BooleanField(
        label=_("Send me general information about Smoall by mail"),
        required=False,
        help_text=_("Mails that you ask for, and those about the contract, come in any case."),
    )

    class Meta:
        model = User
        fields = ("name", "language")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        refuse_web_addresses(name)
        return name


class AppForm(forms.Form):
    """The first code that a new app shows: the proof that it was set up."""

    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def clean_code(self) -> str:
        return "".join(str(self.cleaned_data["code"]).split())


class PasskeyNameForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Passkey
        fields = ("name",)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


class PasskeyForm(PasskeyNameForm):
    """A name, and what the browser answered."""

    credential = forms.CharField(max_length=Passkey.LONGEST_ANSWER, required=False, widget=forms.HiddenInput)

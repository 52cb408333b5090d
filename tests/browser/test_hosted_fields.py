"""Hosted fields in a real browser, in pages of another origin: what they do, and what such a page can never learn."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, expect

from tests.browser.conftest import AXE, DESKTOP, PHONE, keep_screenshot, overflows, violations
from tests.calls import HttpClient
from tests.stack import Stack

pytestmark = pytest.mark.browser

NUMBER, CODE = "4895142232120006", "731"
ACCOUNT = "90817263545"

# The sample of the documents. Changed: the script's address, `form` instead of `paymentForm` (the sample has both), and
# the quotes that its application id lacks.
DOCUMENTED = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Checkout</title>
<script>/* first */</script>
<script type="text/javascript" src="{library}"></script></head><body><h1>Checkout</h1><a href="#top">Back</a>
<div id="field-wrapper-number"></div><div id="field-wrapper-name"></div>
<div id="field-wrapper-expiration_date"></div><div id="field-wrapper-security_code"></div>
<button id="button">Submit</button><pre id="preview"></pre>
<script>
window.states = [];
const form = window.PaymentForm.card(function(state, binInformation){
     window.states.push({ state, binInformation });
});
function defineField(elementId, type, placeholder, validations, autoComplete) {
 // call field method with desired css styling
 const f = form.field(type, {
        validations,
        placeholder: { text: placeholder, hideOnFocus: true },
        autoComplete,
        styles: {
          default: {
            color: "black",
          },
          success: {
            color: '#5cb85c',
          },
          error: {
            color: '#d9534f',
          },
        }
      });
  // appends each field wrapper (that contains placeholder and styles) to the appropriate div
  document.getElementById(elementId).appendChild(f);
}

defineField("field-wrapper-number", "number", '4111 1111 1111 1111');
defineField("field-wrapper-name", "name", 'Bo Jackson');
defineField("field-wrapper-expiration_date", "expiration_date", '02/2020');
defineField("field-wrapper-security_code", "security_code", '411');

function submitForm() {
  // sandbox or production for environment
  form.submit('sandbox', '{application}', function(err, res) {
    if (err) {
      console.log("There was an error");
    }
    // shows id of tokenized payment card
    document.getElementById('preview').innerHTML = JSON.stringify(res, null, '  ');
  })
}

document.getElementById('button').addEventListener('click', function (e){
  e.preventDefault();
  submitForm();
})

// if user types "enter" instead of clicking submit button
form.onSubmit(submitForm);
</script></body></html>"""

# A page of our own making: `fields` are those of the form, in order; the outcome stands in `outcomes`.
PLAIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Checkout</title>
<script>/* first */</script>
<script src="{library}"></script></head><body><main><h1>Checkout</h1><div id="places"></div>
<button id="pay">Pay</button></main>
<script>
window.states = []; window.outcomes = []; window.entered = 0;
const form = PaymentForm.{kind}((state, binInformation) => states.push({ state, binInformation }));
for (const [type, options] of Object.entries({fields})) {
  const place = document.createElement("div");
  place.dataset.place = type;
  place.append(form.field(type, options));
  document.getElementById("places").append(place);
}
const send = (environment = "sandbox", application = "{application}") =>
  form.submit(environment, application, (err, res) => outcomes.push({ err, res }));
document.getElementById("pay").addEventListener("click", () => send());
form.onSubmit(() => { entered += 1; });
</script></body></html>"""

CARD: dict[str, dict[str, Any]] = {
    "number": {"validations": "required, cardNumber"},
    "expiration_date": {"validations": "required, cardExpiry"},
    "security_code": {"validations": "required, cardCVC"},
    "name": {"validations": "required"},
}
BANK: dict[str, dict[str, Any]] = {"name": {}, "bank_code": {}, "account_number": {"mask": True}, "account_type": {}}
WITH_ADDRESS = CARD | {"address.postal_code": {}, "address.country": {"placeholder": "Country"}}


class Partner:
    """A web server of somebody else: another origin and another site than the platform's."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self.asked: list[str] = []
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                partner.asked.append(self.path)
                page, headers = partner.pages.get(self.path.partition("?")[0], ("", {}))
                self.send_response(200 if page else 404)
                for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        applications = HttpClient(stack, "PARTNER").call("GET", "/applications").json()
        self.application: str = applications["_embedded"]["applications"][0]["id"]

    def serve(self, page: str, path: str = "/", *, headers: dict[str, str] | None = None, **values: str) -> str:
        """Put a page up; gives its address."""
        known = {"library": f"{self.stack.url}/forms/finix.js", "application": self.application} | values
        for name, value in known.items():
            page = page.replace(f"{{{name}}}", value)
        self.pages[path] = (page, headers or {})
        return self.url + path

    def plain(self, fields: dict[str, dict[str, Any]] = CARD, kind: str = "card", **options: Any) -> str:
        return self.serve(PLAIN, kind=kind, fields=json.dumps(fields), **options)


@pytest.fixture
def partner(stack: Stack) -> Iterator[Partner]:
    running = Partner(stack)
    yield running
    running.server.shutdown()
    running.server.server_close()


Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Open]:
    """Opens an address in a new window. No script may fail, ours or the partner's."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(address: str, **options: Any) -> Page:
        context = chromium.new_context(viewport=DESKTOP, locale="en-US", timezone_id="UTC", **options)
        contexts.append(context)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def field(page: Page, kind: str) -> Locator:
    return page.frame_locator(f'iframe[src$="/forms/fields/{kind}"]').locator("#value")


def frame_of(page: Page, kind: str) -> Frame:
    return next(frame for frame in page.frames if frame.url.endswith(f"/forms/fields/{kind}"))


def type_card(page: Page, **changes: str) -> None:
    """As a person would, key by key."""
    for kind, text in ({"number": NUMBER, "expiration_date": "12/40", "security_code": CODE} | changes).items():
        field(page, kind).press_sequentially(text)


def settled(page: Page, count: int = 1) -> dict[str, Any]:
    """What the page was told in the end."""
    page.wait_for_function("count => outcomes.length >= count", arg=count)
    found: list[dict[str, Any]] = page.evaluate("outcomes")
    assert len(found) == count
    return found[-1]


def last_state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("states[states.length - 1].state")
    return found


def state_becomes(page: Page, kind: str, messages: list[str]) -> None:
    page.wait_for_function(
        "([kind, messages]) => JSON.stringify(states.at(-1)?.state[kind]?.errorMessages) === JSON.stringify(messages)",
        arg=[kind, messages],
    )


def test_documented_sample_works_as_it_stands(partner: Partner, visit: Open, stack: Stack) -> None:
    page = visit(partner.serve(DOCUMENTED))
    type_card(page, name="Bo Jackson")
    page.get_by_role("button", name="Submit").click()

    expect(page.locator("#preview")).to_contain_text('"status": 201')
    answer = json.loads(page.locator("#preview").inner_text())
    assert (answer["status"], answer["statusText"]) == (201, "Created")
    token = answer["data"]
    assert sorted(token) == [
        "created_at", "currency", "expires_at", "fingerprint", "id", "instrument_type", "updated_at"
    ]  # fmt: skip
    assert token["id"].startswith("TK")
    assert (token["instrument_type"], token["currency"]) == ("PAYMENT_CARD", "USD")
    assert page.evaluate("states[states.length - 1].binInformation") == {"cardBrand": "visa", "bin": "489514"}
    client = HttpClient(stack, "PARTNER")
    buyer = client.call("POST", "/identities", {"entity": {"first_name": "Bo", "last_name": "Jackson"}}).json()
    claimed = client.call(
        "POST", "/payment_instruments", {"token": token["id"], "type": "TOKEN", "identity": buyer["id"]}
    )
    assert claimed.status == 201, claimed.text
    kept = claimed.json()
    assert {name: kept[name] for name in ("bin", "last_four", "expiration_month", "expiration_year", "name")} == {
        "bin": "489514", "last_four": "0006", "expiration_month": 12, "expiration_year": 2040, "name": "Bo Jackson"
    }  # fmt: skip


def test_bank_account_becomes_a_token(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain(BANK, kind="bankAccount"))
    for kind, text in (("name", "Ines Bell"), ("bank_code", "122105278"), ("account_number", ACCOUNT)):
        field(page, kind).press_sequentially(text)
    field(page, "account_type").select_option("CHECKING")
    page.get_by_role("button", name="Pay").click()

    outcome = settled(page)
    assert outcome["err"] is None
    assert outcome["res"]["data"]["instrument_type"] == "BANK_ACCOUNT"
    assert last_state(page)["account_type"]["selected"] == "CHECKING"
    assert field(page, "account_number").evaluate("input => getComputedStyle(input).webkitTextSecurity") == "disc"


def test_request_holds_what_the_fields_hold_and_no_more(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain(WITH_ADDRESS))
    type_card(page, name=" Bo Jackson ")
    field(page, "address.postal_code").fill("94114")

    with page.expect_request("**/tokens") as sent:
        page.get_by_role("button", name="Pay").click()

    assert settled(page)["err"] is None
    assert json.loads(sent.value.post_data or "") == {
        "type": "PAYMENT_CARD", "number": NUMBER, "expiration_month": 12, "expiration_year": 2040,
        "security_code": CODE, "name": "Bo Jackson", "address": {"postal_code": "94114"},
    }  # fmt: skip
    headers = sent.value.all_headers()
    assert "cookie" not in headers
    assert "authorization" not in headers
    assert headers["origin"] == partner.stack.url


MESSAGES = {
    "number": "Invalid card number",
    "expiration_date": "Invalid expiration date",
    "security_code": "Invalid CVV",
    "name": "Value is required",
}


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("number", "4895142232120007", NUMBER),
        ("number", "41111", "378282246310005"),
        ("expiration_date", "01/2020", "1/41"),
        ("expiration_date", "13/2040", "122040"),
        ("security_code", "12", "123"),
        ("name", " ", "Bo"),
    ],
)
def test_field_is_judged_as_documented(partner: Partner, visit: Open, kind: str, wrong: str, right: str) -> None:
    page = visit(partner.plain())
    control, message = field(page, kind), MESSAGES[kind]
    state_becomes(page, kind, list(dict.fromkeys(["Value is required", message])))

    control.press_sequentially(wrong)
    state_becomes(page, kind, [message])
    expect(control).not_to_have_attribute("aria-invalid", "true")  # not while somebody still types
    control.blur()

    expect(control).to_have_attribute("aria-invalid", "true")
    expect(control).to_have_accessible_description(message)
    control.fill("")
    control.press_sequentially(right)
    state_becomes(page, kind, [])
    expect(control).not_to_have_attribute("aria-invalid", "true")
    assert last_state(page)[kind] == {"isDirty": True, "isFocused": True, "errorMessages": []}


def test_refused_form_names_every_field_and_goes_to_the_first(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    field(page, "number").press_sequentially(NUMBER)
    page.get_by_role("button", name="Pay").click()

    error = settled(page)["err"]

    assert (error["status"], error["message"]) == (0, "Some fields are missing or wrong.")
    assert error["errors"] == {
        "expiration_date": ["Value is required", "Invalid expiration date"],
        "security_code": ["Value is required", "Invalid CVV"],
        "name": ["Value is required"],
    }
    expect(field(page, "expiration_date")).to_be_focused()
    expect(field(page, "expiration_date")).to_have_accessible_description("Value is required")


def test_without_validations_only_what_was_typed_wrong_is_refused(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain({kind: {} for kind in CARD}))
    page.get_by_role("button", name="Pay").click()
    assert settled(page)["err"]["errors"] == {
        "number": ["Invalid card number"], "expiration_date": ["Invalid expiration date"],
    }  # fmt: skip

    type_card(page, security_code="")
    page.get_by_role("button", name="Pay").click()

    assert settled(page, 2)["res"]["status"] == 201


def test_brand_and_bin_are_told_on_change_and_never_more(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    number = field(page, "number")
    number.press_sequentially("37828224631")
    page.wait_for_function("states.at(-1).binInformation.bin === '378282'")
    expect(page.frame_locator('iframe[src$="/number"]').locator(".brand")).to_have_text("Amex")

    assert number.input_value() == "3782 822463 1"
    told = page.evaluate("states.map(({ binInformation }) => `${binInformation.cardBrand} ${binInformation.bin}`)")
    assert list(dict.fromkeys(told)) == [
        "unknown ", "unknown 3", "american_express 37", "american_express 378", "american_express 3782",
        "american_express 37828", "american_express 378282",
    ]  # fmt: skip
    number.fill("378282246310005")
    field(page, "security_code").press_sequentially("123")
    state_becomes(page, "security_code", ["Invalid CVV"])  # four digits on this card
    number.fill(NUMBER)
    state_becomes(page, "security_code", [])


def test_number_and_date_can_be_corrected_in_the_middle(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    number, date = field(page, "number"), field(page, "expiration_date")
    number.press_sequentially("411111112")
    number.press("Home")
    for _ in range(5):
        number.press("ArrowRight")

    number.press("Backspace")  # over the blank: the digit before it goes
    number.press("9")

    expect(number).to_have_value("4119 1111 2")
    assert number.evaluate("input => input.selectionStart") == 4
    date.press_sequentially("123")
    expect(date).to_have_value("12/3")
    date.press("Backspace")
    date.press("Backspace")
    expect(date).to_have_value("1")
    date.press_sequentially("1-2039")
    date.blur()
    expect(date).to_have_value("11/2039")


def test_enter_in_any_field_submits(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain(WITH_ADDRESS))

    for count, kind in enumerate(WITH_ADDRESS, start=1):
        field(page, kind).press("Enter")
        page.wait_for_function("count => entered === count", arg=count)

    bank = visit(partner.plain(BANK, kind="bankAccount"))
    field(bank, "account_type").press("Enter")
    bank.wait_for_function("entered === 1")


def test_keyboard_alone_is_enough(partner: Partner, visit: Open) -> None:
    page = visit(partner.serve(DOCUMENTED))
    page.wait_for_function("states.length >= 4")
    page.get_by_role("link", name="Back").focus()

    typed = {"number": NUMBER, "name": "Bo Jackson", "expiration_date": "1240", "security_code": CODE}
    for kind, text in typed.items():
        page.keyboard.press("Tab")
        expect(field(page, kind)).to_be_focused()
        page.keyboard.type(text)
    page.keyboard.press("Shift+Tab")
    expect(field(page, "expiration_date")).to_be_focused()
    outline = field(page, "expiration_date").evaluate("input => getComputedStyle(input).outlineStyle")
    page.keyboard.press("Tab")
    expect(field(page, "security_code")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Submit")).to_be_focused()
    page.keyboard.press("Space")

    expect(page.locator("#preview")).to_contain_text('"status": 201')
    assert outline == "solid"


def test_every_field_has_its_name(partner: Partner, visit: Open) -> None:
    named = WITH_ADDRESS | {"name": {"label": "Name on card"}}
    page = visit(partner.plain(named))
    page.wait_for_function("count => Object.keys(states.at(-1)?.state ?? {}).length === count", arg=len(named))

    titles = page.locator("iframe").evaluate_all("frames => frames.map((frame) => frame.title)")

    assert titles == [
        "Card number", "Expiration date, month and year", "Security code", "Name on card", "Postal code", "Country"
    ]  # fmt: skip
    for kind, title in zip(named, titles, strict=True):
        expect(field(page, kind)).to_have_accessible_name(title)
        frame = frame_of(page, kind)
        frame.evaluate(AXE)
        found = frame.evaluate(
            "axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })"
            ".then(({ violations }) => violations.map(({ id }) => id))"
        )
        assert found == [], kind
    modes = [field(page, kind).get_attribute("inputmode") for kind in CARD]
    assert modes == ["numeric", "numeric", "numeric", "text"]
    completions = [field(page, kind).get_attribute("autocomplete") for kind in named]
    assert completions == ["cc-number", "cc-exp", "cc-csc", "cc-name", "postal-code", "country"]


# --- what a page can never learn ---

SPY = """
window.heard = [];
const note = (...things) => {
  for (const thing of things) {
    try { heard.push(typeof thing === "string" ? thing : String(toText(thing))); } catch { heard.push(String(thing)); }
  }
};
const toText = JSON.stringify.bind(JSON);
addEventListener("message", (event) => note("message", event.data, event.ports.length), true);
const patch = (owner, name) => {
  const original = owner[name];
  owner[name] = function (...args) { note(name, ...args); return original.apply(this, args); };
};
for (const [owner, names] of [
  [window, ["postMessage", "fetch", "structuredClone"]], [MessagePort.prototype, ["postMessage"]],
  [XMLHttpRequest.prototype, ["send", "open"]], [Array.prototype, ["push", "map", "find", "every", "filter", "join"]],
  [Object, ["assign", "entries", "fromEntries", "defineProperty", "freeze"]], [JSON, ["stringify", "parse"]],
  [String.prototype, ["replace", "split", "slice", "match", "trim"]], [Map.prototype, ["set"]],
  [Promise.prototype, ["then"]], [BroadcastChannel.prototype, ["postMessage"]], [Storage.prototype, ["setItem"]],
  [navigator, ["sendBeacon"]],
]) for (const name of names) if (owner !== Array.prototype || name !== "push") patch(owner, name);
for (const name of ["number", "security_code", "account_number", "hostedField", "data"]) {
  Object.defineProperty(Object.prototype, name, {
    configurable: true,
    set(thing) {
      note("set", name, thing);
      Object.defineProperty(this, name, { value: thing, writable: true, configurable: true, enumerable: true });
    },
    get() { return undefined; },
  });
}
for (const name of ["merchantry", "anything"]) new BroadcastChannel(name).onmessage = (event) => note(event.data);
"""

PRY = """async () => {
  const tried = {};
  const attempt = async (name, act) => {
    try { tried[name] = String(await act()); } catch (error) { tried[name] = error.name; }
  };
  for (const [at, element] of [...document.querySelectorAll("iframe")].entries()) {
    const inner = element.contentWindow;
    await attempt(`contentDocument ${at}`, () => element.contentDocument);
    await attempt(`document ${at}`, () => inner.document);
    await attempt(`hostedField ${at}`, () => inner.hostedField);
    await attempt(`frames ${at}`, () => window.frames[at].document);
    await attempt(`location ${at}`, () => inner.location.href);
    await attempt(`value ${at}`, () => inner.value);
    await attempt(`storage ${at}`, () => inner.localStorage);
    for (const message of [
      { hostedField: 1, act: "read" },
      { hostedField: 1, act: "begin", form: "mine", kind: "BANK_ACCOUNT", options: { mask: false } },
      { hostedField: 1, act: "submit", number: 99, environment: "sandbox", application: "/../../evil", types: [] },
      "number", { hostedField: "ready" },
    ]) inner.postMessage(message, "*");
  }
  const channel = new MessageChannel();
  channel.port1.onmessage = (event) => heard.push(JSON.stringify(event.data));
  const ask = { hostedField: 1, act: "submit", number: 98, environment: "sandbox", types: [] };
  document.querySelector("iframe").contentWindow.postMessage(ask, "*", [channel.port2]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const stored = [{ ...localStorage }, { ...sessionStorage }, document.cookie, await caches.keys()];
  return { tried, kept: JSON.stringify(stored) };
}"""


def digits_in(texts: list[str]) -> str:
    return re.sub(r"[^0-9|]", "", "|".join(texts))


def holds(text: str, value: str, least: int) -> bool:
    """Whether a run of `least` digits of a value that is no beginning of it stands in a text."""
    return any(value[at : at + least] in text for at in range(1, len(value) - least + 1))


def test_hostile_page_learns_no_number(partner: Partner, visit: Open) -> None:
    # A code whose digits no other text has by chance: masked or not, it must not turn up anywhere.
    page = visit(partner.serve(PLAIN.replace("/* first */", SPY), kind="card", fields=json.dumps(CARD)))
    type_card(page, name="Bo Jackson")
    pried = page.evaluate(PRY)
    page.get_by_role("button", name="Pay").click()
    assert settled(page)["res"]["status"] == 201

    blocked = {"SecurityError", "null", "undefined"}
    assert {name: what for name, what in pried["tried"].items() if what not in blocked} == {}
    assert pried["kept"] == '[{},{},"",[]]'
    heard: list[str] = page.evaluate("heard")
    messages = [json.loads(heard[at + 1]) for at, text in enumerate(heard) if text == "message"]
    assert {message["hostedField"] for message in messages} == {"ready", "state", "answer"}
    everything = [*heard, page.evaluate("JSON.stringify([states, outcomes])"), page.content()]
    assert any("489514" in text for text in everything), "the BIN is documented to be told"
    told = digits_in(
        [re.sub(r'"(id|created_at|updated_at|expires_at|fingerprint)":"[^"]*"', "", text) for text in everything]
    )
    assert not holds(told, NUMBER, 7)
    assert not any(re.search(rf"(?<!\d){CODE}(?!\d)", text) for text in everything)
    assert not any("2040" in text or "Bo Jackson" in text for text in everything)
    assert not page.locator("input").count()


def test_bank_page_learns_no_account_number(partner: Partner, visit: Open) -> None:
    page = visit(partner.serve(PLAIN.replace("/* first */", SPY), kind="bankAccount", fields=json.dumps(BANK)))
    for kind, text in (("name", "Ines Bell"), ("bank_code", "122105278"), ("account_number", ACCOUNT)):
        field(page, kind).press_sequentially(text)
    field(page, "account_type").select_option("SAVINGS")
    page.get_by_role("button", name="Pay").click()
    assert settled(page)["res"]["status"] == 201

    everything = [*page.evaluate("heard"), page.evaluate("JSON.stringify([states, outcomes])"), page.content()]
    assert any('"selected":"SAVINGS"' in text for text in everything)
    assert not any(ACCOUNT[:5] in text or ACCOUNT[-5:] in text or "122105278" in text for text in everything)


def test_refusal_of_the_platform_does_not_repeat_what_was_typed(partner: Partner, visit: Open) -> None:
    page = visit(partner.serve(PLAIN, kind="card", fields=json.dumps(CARD)))

    def echo(route: Any) -> None:
        body = json.loads(route.request.post_data)
        error = {"logref": "x", "code": "INVALID_FIELD", "message": f"Refused: {body['number']}", "field": "number"}
        error |= {"number": body["number"], "_links": {"self": {"href": body["number"]}}}
        route.fulfill(status=422, json={"total": 1, "_embedded": {"errors": [error]}})

    page.route("**/tokens", echo)  # a platform that would talk too much
    type_card(page, name="Bo")
    page.get_by_role("button", name="Pay").click()

    error = settled(page)["err"]
    assert NUMBER not in json.dumps(error)
    assert error["errors"] == {"number": ["The value was refused."]}


def test_date_that_the_platform_quotes_stays_within(partner: Partner, visit: Open) -> None:
    page = visit(partner.serve(PLAIN, kind="card", fields=json.dumps(CARD)))

    def quote(route: Any) -> None:
        year = json.loads(route.request.post_data)["expiration_year"]
        message = f"Expiration year `{year}` is expired"
        error = {"logref": "x", "code": "INVALID_FIELD", "message": message, "field": "expiration_year"}
        route.fulfill(status=422, json={"total": 1, "_embedded": {"errors": [error]}})

    page.route("**/tokens", quote)
    type_card(page, name="Bo")
    page.get_by_role("button", name="Pay").click()

    assert settled(page)["err"]["errors"] == {"expiration_date": ["Expiration year is expired"]}


def test_only_the_embedding_page_is_heard(partner: Partner, visit: Open) -> None:
    """A page around the shop talks to the shop's fields, from before they begin and ever on."""
    shop = partner.plain()
    attacker = partner.serve(
        """<!DOCTYPE html><title>Attacker</title><iframe id="shop" src="{shop}" width="900" height="500"></iframe>
        <script>
        window.heard = [];
        window.sent = 0;
        addEventListener("message", (event) => heard.push(event.data));
        setInterval(() => {
          const shop = document.getElementById("shop").contentWindow;
          for (let at = 0; at < shop.length; at += 1) {
            const whole = { environment: "sandbox", application: "{application}", types: ["number"] };
            shop[at].postMessage({ hostedField: 1, act: "begin", form: "mine", kind: "PAYMENT_CARD" }, "*");
            shop[at].postMessage({ hostedField: 1, act: "submit", number: 1, ...whole }, "*");
            sent += 1;
          }
        }, 2);
        </script>""",
        "/attacker",
        shop=shop,
    ).replace("localhost", "127.0.0.1")
    page = visit(attacker)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    shop_frame = next(frame for frame in page.frames if frame.url == shop)
    shop_frame.wait_for_function("Object.keys(states.at(-1)?.state ?? {}).length === 4")
    for kind, text in {"number": NUMBER, "expiration_date": "12/40", "security_code": CODE, "name": "Bo"}.items():
        frame_of(page, kind).locator("#value").fill(text)
    page.wait_for_function("(before) => sent > before + 100", arg=page.evaluate("sent"))

    assert page.evaluate("heard") == []
    assert [url for url in requests if "tokens" in url] == []
    shop_frame.get_by_role("button", name="Pay").click()  # the shop itself still can
    shop_frame.wait_for_function("outcomes.length === 1")
    assert shop_frame.evaluate("outcomes[0].res.status") == 201


def test_fields_that_others_put_into_the_page_take_no_part(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    page.evaluate(
        """(home) => {
          window.second = PaymentForm.card();  // another form, with a number of its own
          document.body.append(second.field("number", { label: "Other number" }), second.field("address.city", {}));
          const stray = document.createElement("iframe");  // a field that belongs to no form
          stray.src = `${home}/forms/fields/address.line1`;
          const ours = document.createElement("iframe");  // a frame of the page that plays a field
          ours.srcdoc = `<script>
            window.hostedField = { kind: "address.line2", form: () => "", read: () => ({ name: "x" }) };
          </${"script"}>`;
          document.body.prepend(stray, ours);
        }""",
        partner.stack.url,
    )
    page.frame_locator('iframe[title="Other number"]').locator("#value").fill("5555555555554444")
    field(page, "address.city").fill("Elsewhere")
    field(page, "address.line1").fill("Nowhere")
    page.frame_locator('iframe[title="Card number"]').locator("#value").fill(NUMBER)
    for kind, text in (("expiration_date", "12/40"), ("security_code", CODE), ("name", "Bo")):
        field(page, kind).fill(text)

    with page.expect_request("**/tokens") as sent:
        page.get_by_role("button", name="Pay").click()

    assert settled(page)["err"] is None
    body = json.loads(sent.value.post_data or "")
    assert body["number"] == NUMBER
    assert sorted(body) == ["expiration_month", "expiration_year", "name", "number", "security_code", "type"]


def test_styles_can_neither_load_nor_leave_anything(partner: Partner, visit: Open) -> None:
    beacon = f"{partner.url}/beacon"
    styles = {
        "default": {
            "color": "rgb(1, 2, 3)", "fontSize": "20px", "fontFamily": "Georgia, serif", "position": "fixed",
            "backgroundImage": f"url({beacon})", "background": f"url({beacon})", "letterSpacing": f"url({beacon})",
            "border": "var(--x)", "boxShadow": "0 0 0 1px rgb(9, 9, 9)", "textShadow": "expression(alert(1))",
        },
        "placeholder": {"color": "rgb(7, 8, 9)"},
        "error": {"color": "rgb(200, 0, 0)"},
        "success": {"color": "rgb(0, 120, 0)"},
    }  # fmt: skip
    page = visit(partner.plain({"number": {"styles": styles, "placeholder": "Number"}}))
    control = field(page, "number")
    expect(control).to_have_css("color", "rgb(1, 2, 3)")
    expect(control).to_have_css("font-size", "20px")
    expect(control).to_have_css("font-family", "Georgia, serif")
    expect(control).to_have_css("box-shadow", "rgb(9, 9, 9) 0px 0px 0px 1px")
    for name, value in (("background-image", "none"), ("position", "static"), ("letter-spacing", "normal")):
        expect(control).to_have_css(name, value)
    expect(control).to_have_css("text-shadow", "none")
    hint = control.evaluate("input => getComputedStyle(input, '::placeholder').color")

    control.fill(NUMBER)
    expect(control).to_have_css("color", "rgb(0, 120, 0)")
    control.fill("41")
    control.blur()
    expect(control).to_have_css("color", "rgb(200, 0, 0)")
    assert hint == "rgb(7, 8, 9)"
    assert "/beacon" not in partner.asked


# --- where it cannot go on ---


@pytest.mark.parametrize(
    ("environment", "application", "message"),
    [
        ("live", None, 'This is the sandbox environment; the form was sent to "live".'),
        ("production", None, 'This is the sandbox environment; the form was sent to "production".'),
        ("sandbox", "APx/../users", "The application id is missing or wrong: it begins with AP."),
        ("sandbox", "", "The application id is missing or wrong: it begins with AP."),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_sent(
    partner: Partner, visit: Open, environment: str, application: str | None, message: str
) -> None:
    page = visit(partner.plain())
    type_card(page, name="Bo")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    page.evaluate("told => send(...told)", [environment, partner.application if application is None else application])

    assert settled(page)["err"] == {"status": 0, "statusText": "", "message": message, "errors": {}, "data": None}
    assert requests == []


def test_platform_refuses_an_application_that_is_not_there(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    type_card(page, name="Bo")

    page.evaluate("send('sandbox', 'APgPDQrLD52TYvqazjHJJchM')")

    error = settled(page)["err"]
    assert error["status"] == 404
    assert error["data"]["_embedded"]["errors"][0]["code"] == "NOT_FOUND"
    assert error["message"] == error["data"]["_embedded"]["errors"][0]["message"]


def test_refusal_of_a_member_stands_in_its_field_until_it_changes(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain(WITH_ADDRESS))
    type_card(page, name="Bo")
    postal_code = field(page, "address.postal_code")
    postal_code.fill("ABC")
    page.get_by_role("button", name="Pay").click()

    error = settled(page)["err"]

    assert error["status"] == 422
    (message,) = error["errors"]["address.postal_code"]
    expect(postal_code).to_be_focused()
    expect(postal_code).to_have_attribute("aria-invalid", "true")
    expect(postal_code).to_have_accessible_description(message)
    assert last_state(page)["address.postal_code"]["errorMessages"] == [message]
    postal_code.fill("94114")
    expect(postal_code).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Pay").click()
    assert settled(page, 2)["res"]["status"] == 201


def test_offline_is_told_and_can_be_tried_again(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    type_card(page, name="Bo")
    page.context.set_offline(True)
    page.get_by_role("button", name="Pay").click()
    assert settled(page)["err"]["message"] == "The platform could not be reached. Nothing was charged; try again."

    page.context.set_offline(False)
    page.get_by_role("button", name="Pay").click()

    assert settled(page, 2)["res"]["status"] == 201


def test_double_click_makes_one_token(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    type_card(page, name="Bo")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    page.get_by_role("button", name="Pay").dblclick()

    page.wait_for_function("outcomes.length === 2")
    outcomes = page.evaluate("outcomes")
    assert [outcome["err"]["message"] for outcome in outcomes if outcome["err"]] == ["The form is being sent already."]
    assert len([url for url in requests if url.endswith("/tokens")]) == 1


def test_page_in_a_sandbox_is_told_why_it_cannot(partner: Partner, visit: Open) -> None:
    shop = partner.plain()
    frames = """<!DOCTYPE html><title>Frames</title>
        <iframe name="closed" src="{shop}" sandbox="allow-scripts"></iframe>
        <iframe name="open" src="{shop}" width="800" height="500"
          sandbox="allow-scripts allow-same-origin allow-forms"></iframe>"""
    page = visit(partner.serve(frames, "/frames", shop=shop))
    closed, opened = page.frame("closed"), page.frame("open")
    assert closed is not None
    assert opened is not None

    closed.evaluate("send()")
    closed.wait_for_function("outcomes.length === 1")
    assert closed.evaluate("outcomes[0].err.message") == (
        "This page lies in a sandbox without allow-same-origin. Hosted fields cannot work there."
    )
    opened.wait_for_function("Object.keys(states.at(-1)?.state ?? {}).length === 4")
    within = page.frame_locator('[name="open"]')
    for kind, text in {"number": NUMBER, "expiration_date": "12/40", "security_code": CODE, "name": "Bo"}.items():
        within.frame_locator(f'iframe[src$="/{kind}"]').locator("#value").press_sequentially(text)
    within.get_by_role("button", name="Pay").click()
    opened.wait_for_function("outcomes.length === 1")
    assert opened.evaluate("outcomes[0].res.status") == 201


def test_strict_page_can_embed_it(partner: Partner, visit: Open) -> None:
    """Isolated (COEP), and with a policy that allows the platform's origin alone."""
    home = partner.stack.url
    headers = {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": f"default-src 'none'; script-src 'unsafe-inline' {home}; frame-src {home}",
    }
    page = visit(partner.plain(headers=headers))
    assert page.evaluate("crossOriginIsolated") is True
    type_card(page, name="Bo")
    page.get_by_role("button", name="Pay").click()

    assert settled(page)["res"]["status"] == 201
    box = page.locator("iframe").first.bounding_box()
    assert box is not None
    assert box["width"] > 500
    assert box["height"] == 36


def test_fields_out_of_reach_of_each_other_are_named(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain({"number": {}, "expiration_date": {}}))
    page.evaluate(
        """() => {
          const host = document.body.appendChild(document.createElement("div"));
          host.attachShadow({ mode: "open" }).append(form.field("name", {}));
        }"""
    )
    field(page, "number").press_sequentially(NUMBER)
    field(page, "expiration_date").press_sequentially("12/40")
    page.wait_for_function("Object.keys(states.at(-1).state).length === 3")
    page.get_by_role("button", name="Pay").click()

    assert settled(page)["err"]["message"].startswith("The fields cannot reach each other: name.")


def test_mistakes_of_the_page_are_told_at_once(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain({"number": {}}))
    told = page.evaluate(
        """() => [
          () => form.field("cvv"), () => form.field("number"), () => PaymentForm.bankAccount().field("number"),
          () => form.submit("sandbox", "AP1"),
        ].map((act) => {
          try { act(); } catch (error) { return `${error.name}: ${error.message}`; }
        })"""
    )

    assert told[0].startswith('TypeError: PaymentForm: there is no field "cvv" here, only number,')
    assert told[1] == 'TypeError: PaymentForm: this form has a field "number" already.'
    assert told[2].startswith('TypeError: PaymentForm: there is no field "number" here, only account_number,')
    assert told[3] == "TypeError: PaymentForm: submit(environment, applicationId, callback)."


def test_field_that_was_moved_begins_anew_and_empty(partner: Partner, visit: Open) -> None:
    page = visit(partner.plain())
    field(page, "number").fill(NUMBER)
    page.evaluate("""document.body.append(document.querySelector('[data-place="number"]'))""")
    state_becomes(page, "number", ["Value is required", "Invalid card number"])
    type_card(page, name="Bo")
    page.get_by_role("button", name="Pay").click()

    assert settled(page)["res"]["status"] == 201


# --- the demonstration ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demonstration_is_in_order(open_browser: Callable[..., BrowserContext], partner: Partner, scheme: str) -> None:
    faults = {}
    for address in ("/forms/demo/", "/forms/demo/?application=x", f"/forms/demo/?application={partner.application}"):
        for viewport in (DESKTOP, PHONE):
            page = open_browser(scheme=scheme, viewport=viewport).new_page()
            page.goto(address)
            page.wait_for_load_state("networkidle")
            keep_screenshot(page, f"hosted-fields-{len(address)}-{viewport['width']}-{scheme}")
            found = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]
            if found:
                faults[f"{address} {viewport['width']}"] = found

    assert faults == {}


def test_demonstration_gives_a_token_and_the_command_that_claims_it(partner: Partner, visit: Open) -> None:
    page = visit(f"{partner.stack.url}/forms/demo/")
    page.get_by_label("Application id").fill(partner.application)
    page.get_by_role("button", name="Open the checkout").click()
    card = page.locator("#card")
    inner = lambda kind: card.frame_locator(f'[data-field="{kind}"] iframe').locator("#value")  # noqa: E731

    inner("number").press_sequentially("4111")
    inner("number").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Some fields are missing or wrong.")
    expect(card.locator('[data-field="number"] .field-error')).to_have_text("Invalid card number")
    expect(card.locator('[data-field="name"] .field-error')).to_have_text("Value is required")
    for kind, text in (("number", NUMBER), ("expiration_date", "1240"), ("security_code", CODE), ("name", "Bo")):
        inner(kind).fill("")
        inner(kind).press_sequentially(text)
    expect(page.get_by_role("alert")).to_be_hidden()
    inner("name").press("Enter")

    expect(page.get_by_role("heading", name="The page got a token")).to_be_visible()
    token = json.loads(page.locator("#answer").inner_text())["data"]["id"]
    expect(page.locator("#command")).to_contain_text(f'"token": "{token}"')
    expect(page.locator("#command")).to_contain_text(f"curl {partner.stack.url}/payment_instruments")
    assert violations(page) == []


def test_demonstration_takes_bank_accounts(partner: Partner, visit: Open) -> None:
    page = visit(f"{partner.stack.url}/forms/demo/?application={partner.application}")
    page.get_by_label("Bank account").check(force=True)
    bank = page.locator("#bank")
    inner = lambda kind: bank.frame_locator(f'[data-field="{kind}"] iframe').locator("#value")  # noqa: E731
    for kind, text in (("name", "Ines Bell"), ("bank_code", "122105278"), ("account_number", ACCOUNT)):
        inner(kind).press_sequentially(text)
    inner("account_type").select_option("SAVINGS")
    bank.get_by_role("button", name="Pay $48.60").click()

    expect(page.locator("#answer")).to_contain_text('"instrument_type": "BANK_ACCOUNT"')

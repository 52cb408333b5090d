"""The sample page of the documents, for one application of this installation."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from api.documents import base_url
from tenancy.models import Application

_PAGE = """\
<script src="{library}"></script>
<div id="number"></div>
<div id="expiration_date"></div>
<div id="security_code"></div>
<button id="pay">Pay</button>
<script>
  const form = PaymentForm.card((state, binInformation) => {{}});
  const place = (type, validations) =>
    document.getElementById(type).appendChild(form.field(type, {{ validations }}));

  place("number", "required, cardNumber");
  place("expiration_date", "required, cardExpiry");
  place("security_code", "required, cardCVC");

  const submit = () =>
    form.submit("{environment}", "{application}", (err, res) => {{
      console.log(err || res.data.id);
    }});

  document.getElementById("pay").addEventListener("click", submit);
  form.onSubmit(submit);
</script>
"""


def sample_page(application: Application, request: HttpRequest) -> str:
    """What a partner puts into a page to get a token for the application."""
    return _PAGE.format(
        library=base_url(request) + reverse("hosted:library"),
        environment=settings.ENVIRONMENT,
        application=application.public_id,
    )

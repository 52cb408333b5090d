from django.urls import path

from onboarding.hosted import views

app_name = "hosted"
urlpatterns = [
    path("finix.js", views.library, name="library"),
    path("fields/<str:kind>", views.field, name="field"),
    path("demo/", views.demo, name="demo"),
]

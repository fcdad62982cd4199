"""A module that answers with the facts it is given: a host of a distribution that is not here."""

# Ansible is not annotated
# mypy: disallow-untyped-calls=False

from ansible.module_utils.basic import AnsibleModule

if __name__ == "__main__":
    module = AnsibleModule({"facts": {"type": "dict", "required": True}})
    module.exit_json(ansible_facts=module.params["facts"])
